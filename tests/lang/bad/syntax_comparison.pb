playbook a {
  when guardduty.finding as f
  where 3 < f.severity < 7 # expect: PB0118 comparisons cannot be chained
  where f.a exists == true # expect: PB0118 comparisons cannot be chained
  where (f.a == 1) == true
}
