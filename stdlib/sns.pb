# sns.pb - messages to an SNS topic.

# Publishes to a topic. A standard topic may deliver twice; the subject must be ASCII without line ends, at most 99 characters.
action sns.publish(topic: arn, message: string, subject: string? = none): { changed: bool, message_id: string } notify on topic {
  do aws.sns.Publish(TopicArn: string(topic), Message: message, Subject: subject) as sent
  if sent.MessageId exists {
    return { changed: true, message_id: sent.MessageId }
  }
  fail "SNS took the message for ${topic} without giving it an id" code "NoMessageId"
}
