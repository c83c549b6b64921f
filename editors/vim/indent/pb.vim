" Playbooks: two columns more behind an opening bracket, two fewer before a closing one. `pbc fmt` has the last word.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=PbIndent() indentkeys=0},0),0],!^F,o,O,e
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*PbIndent')
  finish
endif

" Without strings and comments, whose brackets do not count.
function! s:code(line) abort
  return substitute(substitute(a:line, '"\%(\\.\|[^"\\]\)*"', '', 'g'), '#.*$', '', '')
endfunction

function! PbIndent() abort
  let before = prevnonblank(v:lnum - 1)
  if before == 0
    return 0
  endif
  let code = s:code(getline(before))
  let opened = len(substitute(code, '[^{([]', '', 'g')) - len(substitute(substitute(code, '^\s*[])}]\+', '', ''), '[^])}]', '', 'g'))
  let indent = indent(before) + (opened > 0 ? shiftwidth() : 0)
  return getline(v:lnum) =~# '^\s*[])}]' ? indent - shiftwidth() : indent
endfunction
