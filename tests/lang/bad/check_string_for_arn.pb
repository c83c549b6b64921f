action team.a() notify {
  do sns.publish("arn:aws:sns:eu-west-1:111122223333:alerts", "text")   # expect: PB0301 make one of it: `arn("arn:aws:sns
}
