playbook a { # expect: PB0117 playbook `a` has no `when`
  version "1.0.0"
  stop "x"
}
playbook b { # expect: PB0117 playbook `b` has no `when`
}
