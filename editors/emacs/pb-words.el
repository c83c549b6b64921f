;;; pb-words.el --- Words of the playbook language -*- lexical-binding: t -*-

;;; Commentary:
;; Written by editors/gen.py out of lang/parser.y and lang/builtins.def. Do not edit.

;;; Code:

(defconst pb-declaration-words
  '("playbook" "import" "fn" "param" "type" "event" "action" "extern" "guard" "test" "site")
  "What a declaration begins with.")

(defconst pb-statement-words
  '("let" "where" "do" "if" "else" "for" "parallel" "record" "stop" "fail" "return" "verify" "on" "approve" "wait" "authorize" "failure" "undo" "denied" "expired" "until" "within" "timeout" "retry" "when" "code" "via" "by" "quorum" "escalate" "to" "after" "because" "region" "given" "expect" "with" "times" "no" "crash" "fault" "deny" "unless" "authorized" "schema" "resources" "per")
  "What statements and their clauses begin with.")

(defconst pb-operator-words
  '("and" "or" "not" "in" "like" "matches" "exists" "as" "any" "all")
  "Operators that are words.")

(defconst pb-constant-words
  '("none" "true" "false")
  "Constants.")

(defconst pb-header-words
  '("dedupe" "limit" "version" "summary" "owner" "tier" "controls" "concurrency")
  "Fields of a playbook's header.")

(defconst pb-type-words
  '("bool" "int" "float" "string" "bytes" "duration" "time" "ip" "cidr" "arn" "json" "secret" "list" "map")
  "Plain types.")

(defconst pb-effect-words
  '("pure" "read" "notify" "contain" "destroy")
  "What an action may do.")

(defconst pb-builtin-words
  '("account" "arn" "cidr" "ends_with" "epoch" "first" "format" "int" "ip" "join" "json_parse" "json_text" "keys" "last" "lower" "partition" "region" "replace" "resource" "seconds" "service" "sha256" "size" "slice" "sort" "split" "starts_with" "string" "tag_map" "text" "time" "trim" "unique" "upper" "url_decode" "url_encode" "values")
  "Built-in functions and methods.")

(provide 'pb-words)
;;; pb-words.el ends here
