# sns.pb - messages to an SNS topic.

# Publishes to a topic. A standard topic may deliver twice; the subject must be printable ASCII, at most 99 characters, and not begin
# with a blank: what an event brings is refused here, not by SNS half-way.
action sns.publish(
  topic: arn,
  message: string,
  subject: string? = none
): { changed: bool, message_id: string } notify on topic {
  if subject exists {
    if not (subject matches "^[!-~][ -~]{0,98}$") {
      fail "SNS takes subjects of 1 to 99 printable ASCII characters" code "InvalidSubject"
    }
  }
  do aws.sns.Publish(TopicArn: string(topic), Message: message, Subject: subject) as sent
  if sent.MessageId exists {
    return { changed: true, message_id: sent.MessageId }
  }
  fail "SNS took the message for ${topic} without giving it an id" code "NoMessageId"
}
