# securityhub.pb - findings imported into AWS Security Hub, and those that a person sent with a custom action.
# One event may hold several findings: a playbook sees them one by one.
event securityhub.finding {
  source      "aws.securityhub"
  detail_type "Security Hub Findings - Imported"
  schema      aws.securityhub.AwsSecurityFinding
  each        "findings"
  id          "Id"
  threat      "Title"
  detected    "CreatedAt"
  account     "AwsAccountId"
  region      "Region"
}

event securityhub.custom_action {
  source      "aws.securityhub"
  detail_type "Security Hub Findings - Custom Action"
  schema      aws.securityhub.AwsSecurityFinding
  each        "findings"
  id          "Id"
  threat      "Title"
  detected    "CreatedAt"
  account     "AwsAccountId"
  region      "Region"
}
