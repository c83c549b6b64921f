type Kept { instance: aws.ec2.Instanc }   # expect: PB0208 did you mean `Instance`?
