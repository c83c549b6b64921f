# guardduty.pb - findings of Amazon GuardDuty as EventBridge delivers them.
# New findings come at once, later occurrences of the same one as updates with the same id.
event guardduty.finding {
  source      "aws.guardduty"
  detail_type "GuardDuty Finding"
  schema      aws.guardduty.Finding
  id          "id"
  threat      "type"
  detected    "createdAt"
  account     "accountId"
  region      "region"
  sample      "service.additionalInfo.sample"  # of CreateSampleFindings; the model does not have it
  principal   ["resource.accessKeyDetails.userName", "resource.accessKeyDetails.principalId"]
  resources(
    "resource.instanceDetails.instanceId",
    "resource.accessKeyDetails.accessKeyId",
    "resource.accessKeyDetails.userName",
    "resource.s3BucketDetails.0.arn",
    "resource.eksClusterDetails.arn",
    "resource.ecsClusterDetails.arn",
    "resource.containerDetails.id"
  )
}
