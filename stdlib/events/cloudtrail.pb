# cloudtrail.pb - API calls and console sign-ins that AWS CloudTrail recorded.
# There is no official model of these records; what follows is the documented part that playbooks need. requestParameters and
# responseElements differ by call: read them through `as T`.

type CloudTrailIssuer { type: string?  principalId: string?  arn: string?  accountId: string?  userName: string? }
type CloudTrailSessionAttributes { creationDate: string?  mfaAuthenticated: string? }
type CloudTrailSession {
  sessionIssuer:   CloudTrailIssuer?
  attributes:      CloudTrailSessionAttributes?
  sourceIdentity:  string?
  ec2RoleDelivery: string?
}
type CloudTrailIdentity {
  type:           string?  # Root IAMUser AssumedRole Role FederatedUser AWSAccount AWSService IdentityCenterUser ...
  principalId:    string?
  arn:            string?
  accountId:      string?
  accessKeyId:    string?
  userName:       string?
  invokedBy:      string?
  sessionContext: CloudTrailSession?
}
type CloudTrailRecord {
  eventVersion:        string?
  userIdentity:        CloudTrailIdentity?
  eventTime:           string?
  eventSource:         string?
  eventName:           string?
  awsRegion:           string?
  sourceIPAddress:     string?  # an address, or the DNS name of an AWS service
  userAgent:           string?
  errorCode:           string?
  errorMessage:        string?
  requestParameters:   json?
  responseElements:    json?
  additionalEventData: json?
  requestID:           string?
  eventID:             string?
  eventType:           string?
  readOnly:            bool?
  managementEvent:     bool?
  recipientAccountId:  string?
  eventCategory:       string?
}

event cloudtrail.api_call {
  source      "aws.*"
  detail_type "AWS API Call via CloudTrail"
  schema      CloudTrailRecord
  id          "eventID"
  threat      "eventName"
  detected    "eventTime"
  account     "recipientAccountId"
  region      "awsRegion"
  principal   [
    "userIdentity.arn",
    "userIdentity.userName",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sourceIdentity"
  ]
  resources(
    "requestParameters.instanceId",
    "requestParameters.userName",
    "requestParameters.roleName",
    "requestParameters.bucketName"
  )
}

type ConsoleSignInAnswer { ConsoleLogin: string? }
type ConsoleSignInExtra { LoginTo: string?  MobileVersion: string?  MFAUsed: string?  MFAIdentifier: string? }
type ConsoleSignIn {
  userIdentity:        CloudTrailIdentity?
  eventTime:           string?
  eventName:           string?
  awsRegion:           string?
  sourceIPAddress:     string?
  userAgent:           string?
  errorMessage:        string?
  eventID:             string?
  recipientAccountId:  string?
  responseElements:    ConsoleSignInAnswer?
  additionalEventData: ConsoleSignInExtra?
}

# AWS has written the detail type in two ways; both are taken.
event cloudtrail.console_sign_in {
  source      "aws.signin"
  detail_type ["AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"]
  schema      ConsoleSignIn
  id          "eventID"
  threat      "eventName"
  detected    "eventTime"
  account     "recipientAccountId"
  region      "awsRegion"
  principal   ["userIdentity.arn", "userIdentity.userName"]
  resources("userIdentity.arn")
}
