" Playbooks. Protocol buffers in binary form have the same ending elsewhere: they are no text, so look before saying so.
autocmd BufNewFile,BufRead *.pb if getline(1) !~# '[^\x00-\x7F\t]\{4}' | setfiletype pb | endif
