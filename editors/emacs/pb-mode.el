;;; pb-mode.el --- Major mode for incident-response playbooks -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages

;;; Commentary:
;; Colours, indentation and comments of .pb files.  With eglot (part of Emacs 29, else from GNU ELPA) `M-x eglot' starts
;; `pbc lsp', which brings diagnostics, completion, hover, definitions, references, renaming and formatting.
;; `pb-format-buffer' lays a buffer out with `pbc fmt'.

;;; Code:

(require 'pb-words)

(defgroup pb nil "Incident-response playbooks." :group 'languages :prefix "pb-")

(defcustom pb-compiler "pbc" "The compiler: a name on the PATH or a file." :type 'string :group 'pb)

(defconst pb-indent 2 "Columns of one level, as `pbc fmt' has it.")

(defvar pb-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?_ "_" table)
    (dolist (c '(?+ ?- ?* ?/ ?% ?< ?> ?= ?! ??)) (modify-syntax-entry c "." table))
    table)
  "Syntax of playbooks.")

(defun pb--words (words) "A pattern of WORDS as whole words." (regexp-opt words 'symbols))

(defvar pb-font-lock-keywords
  `((,(concat "^\\s-*\\(?:extern\\s-+\\)?\\(playbook\\|guard\\|type\\|param\\|event\\|fn\\|action\\)\\s-+\\([[:alnum:]_.]+\\)")
     (1 font-lock-keyword-face) (2 font-lock-function-name-face))
    ("\\_<aws\\.[[:alnum:]_]+\\.[[:alnum:]_]+" . font-lock-constant-face)
    ("#\\s-*pbc:\\s-*\\(allow\\|survives\\)\\_>" 1 font-lock-warning-face t)
    (,(concat "^\\s-*\\(" (regexp-opt pb-header-words) "\\)\\s-+[\"[:alnum:]\\[]") 1 font-lock-preprocessor-face)
    ("\\_<\\([[:alnum:]_]+\\)\\s-*:" 1 font-lock-variable-name-face)
    (,(pb--words pb-declaration-words) . font-lock-keyword-face)
    (,(pb--words pb-statement-words) . font-lock-keyword-face)
    (,(pb--words pb-operator-words) . font-lock-keyword-face)
    (,(pb--words pb-constant-words) . font-lock-constant-face)
    (,(pb--words pb-type-words) . font-lock-type-face)
    (,(pb--words pb-effect-words) . font-lock-type-face)
    (,(concat "\\(" (pb--words pb-builtin-words) "\\)(") 1 font-lock-builtin-face)
    ("\\_<[0-9]+\\(?:\\.[0-9]+\\)?\\(?:ms\\|[smhd]\\|[KMGTP]i?B\\|B\\)?\\_>" . font-lock-constant-face)
    ("\\${\\([^}]*\\)}" 0 font-lock-variable-name-face t))
  "Colours of playbooks.")

(defun pb-indent-line ()
  "Indent the line by the brackets around it."
  (interactive)
  (let* ((column (current-column))
         (old (current-indentation))
         (depth (save-excursion (beginning-of-line) (car (syntax-ppss))))
         (closes (save-excursion (back-to-indentation) (looking-at "[])}]")))
         (new (* pb-indent (max 0 (if closes (1- depth) depth)))))
    (unless (save-excursion (nth 3 (syntax-ppss (line-beginning-position)))) ; a long string's lines are its own
      (indent-line-to new)
      (when (> column old) (move-to-column (+ new (- column old)))))))

(defun pb-format-buffer ()
  "Lay the buffer out with `pbc fmt'; what does not parse is left alone."
  (interactive)
  (let ((out (generate-new-buffer " *pbc fmt*")) (point (point)))
    (unwind-protect
        (if (zerop (call-process-region nil nil pb-compiler nil (list out nil) nil "fmt" "-"))
            (progn (replace-buffer-contents out) (goto-char (min point (point-max))))
          (message "pbc fmt: the buffer has mistakes; see M-x flymake-show-buffer-diagnostics"))
      (kill-buffer out))))

;;;###autoload
(define-derived-mode pb-mode prog-mode "Playbook"
  "Mode for incident-response playbooks."
  (setq-local comment-start "# ")
  (setq-local comment-end "")
  (setq-local comment-start-skip "#+\\s-*")
  (setq-local indent-line-function #'pb-indent-line)
  (setq-local indent-tabs-mode nil)
  (setq-local fill-column 120)
  (setq-local font-lock-defaults '(pb-font-lock-keywords)))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.pb\\'" . pb-mode))

(with-eval-after-load 'eglot
  (defvar eglot-server-programs)
  (add-to-list 'eglot-server-programs `(pb-mode . (,pb-compiler "lsp"))))

(provide 'pb-mode)
;;; pb-mode.el ends here
