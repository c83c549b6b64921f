" Playbooks: comments, indentation, formatting and checking with pbc.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s comments=:# formatoptions-=t formatoptions+=croql
setlocal expandtab shiftwidth=2 softtabstop=2 textwidth=120
setlocal suffixesadd=.pb

" gq over the whole file and :make ask the compiler; its places are file:line:column.
if executable('pbc')
  setlocal formatprg=pbc\ fmt\ -
  setlocal makeprg=pbc\ check\ %:S
  setlocal errorformat=%f:%l:%c:\ %trror[PB%n]:\ %m,%f:%l:%c:\ %tarning[PB%n]:\ %m,%-G%.%#
endif

let b:undo_ftplugin = 'setlocal commentstring< comments< formatoptions< expandtab< shiftwidth< softtabstop< textwidth< suffixesadd< formatprg< makeprg< errorformat<'
