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
  sample      "Sample"
  principal   ["Resources.0.Details.AwsIamUser.UserName", "Resources.0.Details.AwsIamAccessKey.PrincipalName"]
  resources("Resources.0.Id")
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
  sample      "Sample"
  principal   ["Resources.0.Details.AwsIamUser.UserName", "Resources.0.Details.AwsIamAccessKey.PrincipalName"]
  resources("Resources.0.Id")
}
