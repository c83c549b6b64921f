# Where calls are made: the site, an event that names its own account, in account.
param forensics_account: string
param forensics_region: string = "eu-central-1"
param external: secret

site {
  accounts { role: "security/IncidentResponder", external_id: external, home: "123456789012" }
}

type Alert { id: string  account_id: string?  where: { region: string? }? }

event siem.alert {
  source  "my.siem"
  schema  Alert
  id      "id"
  account "account_id"
  region  "where.region"
}

action team.copy(instance: string): { changed: bool } contain on instance {
  in region forensics_region {
    if instance == "" {
      return { changed: false }
    }
  }
  do aws.ec2.CreateTags(Resources: [instance], Tags: [{ Key: "Seen", Value: "yes" }])
  return { changed: true }
} undo {
  do aws.ec2.DeleteTags(Resources: [instance], Tags: [{ Key: "Seen" }])
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when siem.alert as a
  where a.account_id in ["123456789012"]  # pbc: allow PB0614 "the test's only account"
  let account = a.account_id
  parallel {
    # pbc: allow PB0614 "a default for alerts without a region"
    in account forensics_account region a.where.region ?? "eu-west-1" {
      let region = run.region ?? "unknown"
      do team.copy(region)
    }
    in account account {
      do team.copy("i-1")
    }
    # pbc: allow PB0614 "a default for alerts without a region"
    # and a further comment before the line
    in region a.where.region ?? "eu-west-1" {
      do team.copy("i-2")
    }
  }
  record { affected_resource: account }
}
