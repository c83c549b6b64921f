# test.pb - what a test's clauses become (lang/check_test.c). The runner of `pbc test` answers these calls; nobody writes them.
# `number` is the clause's place in the test.

extern action test.event(number: int, path: string?, event: json?, changes: json?, removed: list[string]?) notify
extern action test.param(number: int, name: string, value: json?) notify
extern action test.fault(number: int, operation: string, code: string, times: int) notify
extern action test.kill_switch(number: int, state: string) notify
extern action test.decision(number: int, granted: bool, by: string) notify
extern action test.chat(number: int, up: bool) notify
extern action test.crash(number: int) notify
extern action test.after(number: int, time: duration) notify

extern action test.expect(number: int, holds: bool, text: string, left: json?, right: json?) notify
extern action test.expect_do(number: int, done: bool, name: string, args: json?) notify
extern action test.expect_outcome(number: int, outcome: string) notify
extern action test.expect_denied(number: int, by: string) notify
extern action test.evidence(): json read
extern action test.run(): json read
