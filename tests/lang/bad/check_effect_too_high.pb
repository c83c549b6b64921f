action team.look(): time contain {   # expect: PB0609 does nothing above read
  return now()
}
