" Written by editors/gen.py out of lang/parser.y and lang/builtins.def. Do not edit.
" Vim syntax of playbooks (.pb).
if exists('b:current_syntax')
  finish
endif

syntax keyword pbDeclaration playbook import fn param type event action extern guard test site
syntax keyword pbStatement let where do if else for parallel record stop fail return verify on approve wait authorize failure undo denied expired until within timeout retry when code via by quorum escalate to after because region given expect with times no crash fault deny unless authorized schema resources per
syntax keyword pbOperator and or not in like matches exists as any all
syntax keyword pbConstant none true false
syntax keyword pbType bool int float string bytes duration time ip cidr arn json secret list map
syntax keyword pbEffect pure read notify contain destroy
syntax keyword pbHeader dedupe limit version summary owner tier controls concurrency
syntax keyword pbBuiltin contained account arn cidr ends_with epoch first format int ip join json_parse json_text keys last lower partition region replace resource seconds service sha256 size slice sort split starts_with string tag_map text time trim unique upper url_decode url_encode values
syntax match pbCall /\<\h\w*\ze(/ contains=pbBuiltin,pbOperator,pbStatement
syntax match pbMember /\.\@<=\h\w*\>\ze\_s*[^(]/
syntax match pbKey /\<\h\w*\>\ze\s*:/
syntax match pbAws /\<aws\.\w\+\.\w\+/
syntax match pbNumber /\<\d\+\(\.\d\+\)\?\(ms\|s\|m\|h\|d\|[KMGTP]\?B\|[KMGTP]iB\)\?\>/
syntax match pbEscape /\\\(u{\x\+}\|.\)/ contained
syntax region pbInterpolation matchgroup=pbDelimiter start=/\${/ end=/}/ contained contains=TOP
syntax region pbString start=/"/ end=/"\|$/ contains=pbEscape,pbInterpolation
syntax region pbString start=/"""/ end=/"""/ contains=pbEscape,pbInterpolation keepend
syntax match pbComment /#.*$/ contains=pbDirective,@Spell
syntax match pbDirective /#\s*pbc:\s*\zs\(allow\|survives\)/ contained

highlight default link pbDeclaration Keyword
highlight default link pbStatement Statement
highlight default link pbOperator Operator
highlight default link pbConstant Constant
highlight default link pbType Type
highlight default link pbEffect StorageClass
highlight default link pbHeader PreProc
highlight default link pbBuiltin Function
highlight default link pbCall Function
highlight default link pbMember Identifier
highlight default link pbKey Identifier
highlight default link pbAws Special
highlight default link pbNumber Number
highlight default link pbEscape SpecialChar
highlight default link pbDelimiter Delimiter
highlight default link pbString String
highlight default link pbComment Comment
highlight default link pbDirective Todo

let b:current_syntax = 'pb'
