# Every entry of a site.
param role: string = "IncidentResponder"
param external: secret
param signing: secret
param token: secret
param leads: list[string]
param channel: string = "#alerts"
param patience: duration = 30m
param agree: int = 2
param only_look: bool = false

site {
  accounts    { role: role, external_id: external, home: "123456789012" }
  store       "sqlite:///var/lib/pbrun/state.db"
  alerts      channel
  observe     only_look
  approvals   { via: "#approvals", by: "secops", quorum: agree, within: patience }
  person      "alice" { slack: "U0123ABCD", arn: "arn:aws:iam::123456789012:user/alice", login: "alice" }
  person      "bob" { mail: "bob@example.com", arn: ["arn:aws:sts::123456789012:assumed-role/bob/bob"] }
  group       "secops" { people: ["alice", "bob"] }
  group       "leads" { people: leads, slack_group: "S0123ABCD" }
  slack       { signing_secret: signing, bot_token: token }
  kill_switch { ssm: "/pbrun/kill-switch", dynamodb: "switches/pbrun" }
  protect     {
    principals: ["break-glass", "arn:aws:iam::*:role/Admin*"]
    roles: ["audit"]
    users: ["root-like"]
    buckets: ["log-*"]
    tables: ["journal"]
    topics: ["alerts"]
    keys: ["alias/audit"]
    instances: ["i-0123456789abcdef0"]
  }
  serve       {
    url: "https://pb.example.com"
    events_secret: signing
    events_token: token
    ui_token: token
    link_secret: signing
  }
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  # pbc: allow PB0642 "nothing is read here"
  approve "Go on?"
    by     group "secops"
    quorum 2
    within 1h
  {
    do iam.revoke_sessions(user: f.id)
  }
  record { affected_resource: f.arn }
}
