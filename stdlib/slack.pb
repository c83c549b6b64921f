# slack.pb - messages to people in Slack.

# What Slack said: the channel's id and the message's timestamp (its name within the channel; none with a webhook).
type SlackMessage { channel: string  ts: string? }

# Sends text as it is: &, < and > are escaped, so that nothing out of an event can become a link, a mention or markup.
# Uses the bot token in SLACK_BOT_TOKEN (chat.postMessage), else the incoming webhook in SLACK_WEBHOOK_URL.
extern action slack.post(channel: string, text: string): SlackMessage notify

# Tells a channel something. A message is sent each time it is asked for: guard it with `if` where only a change is worth one.
action slack.notify(channel: string, text: string): { changed: bool, ts: string? } notify on channel {
  do slack.post(channel, text) as sent
  return { changed: true, ts: sent.ts }
}
