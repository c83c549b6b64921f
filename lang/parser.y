/*
 * parser.y - the grammar.
 *
 * LALR(1) without conflicts, and without line ends: every declaration and statement begins with a keyword, two operands
 * never stand side by side except where a clause's name separates them. The actions only build the tree
 * (parse_node.c); what a syntax error says is made in parse_report.c, and where reading goes on after one in parse.c.
 * The lists of declarations, statements and clauses are the places that catch an error.
 */
%code requires {
#include "lang/parse.h"
}
%code provides {
#define PBYLTYPE pb_span
}
%code {
#include "lang/scan.h"

void pbyerror(const pb_span *place, parse_ctx *c, const char *message);

#define YYLLOC_DEFAULT(cur, rhs, n) \
    ((cur) = (n) ? parse_span(c, YYRHSLOC(rhs, 1).start, YYRHSLOC(rhs, n).end) \
                 : parse_span(c, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end))
#define YYMAXDEPTH PARSE_STACK_MAX
/* Goes on after an error, from the next place that makes sense. */
#define RECOVER() \
    do { \
        if (parse_recover(c, yychar, yylloc)) yyclearin; \
        if (yychar != TOK_END) yyerrok; /* at the end of the file bison shall give up */ \
    } while (0)
#define NO_NAME ((ast_name){0})
#define NO_PATH ((ast_path){0})
#define NO_ARGS ((parse_args){0})
}

%define api.pure full
%define api.prefix {pby}
%define api.token.prefix {TOK_}
%define api.location.type {pb_span}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param { parse_ctx *c }

%union {
    pb_str str;
    int64_t integer;
    double number;
    ast_name name;
    ast_path path;
    ast_expr *expr;
    ast_type *type;
    ast_stmt *stmt;
    ast_decl *decl;
    ast_clause *clause;
    parse_args args;
    parse_fields fields;
    parse_stmts stmts;
    parse_clauses clauses;
}

/* Reserved words: their names are quoted here as messages show them. */
%token <name> PLAYBOOK "`playbook`" IMPORT "`import`" FN "`fn`" WHEN "`when`"
%token <name> LET "`let`" WHERE "`where`" DO "`do`" IF "`if`" ELSE "`else`" FOR "`for`" PARALLEL "`parallel`"
%token <name> RECORD "`record`" STOP "`stop`" FAIL "`fail`" RETURN "`return`" VERIFY "`verify`" ON "`on`"
%token <name> APPROVE "`approve`" WAIT "`wait`" AUTHORIZE "`authorize`" IN_ACCOUNT "`in account`"
%token <name> AND "`and`" OR "`or`" NOT "`not`" IN "`in`" LIKE "`like`" MATCHES "`matches`" EXISTS "`exists`" AS "`as`"
%token <name> NONE "`none`" TRUE "`true`" FALSE "`false`" ANY "`any`" ALL "`all`"
/* Words that are keywords only where they are asked for. */
%token <name> PARAM "`param`" TYPE "`type`" EVENT "`event`" ACTION "`action`" EXTERN "`extern`" GUARD "`guard`"
%token <name> TEST "`test`" SITE "`site`"
%token <name> DEDUPE "`dedupe`" LIMIT "`limit`" TIMEOUT "`timeout`" RETRY "`retry`" WITHIN "`within`"
%token <name> BY "`by`" PER "`per`"
%token <name> CODE "`code`" FAILURE "`failure`" UNDO "`undo`" DENIED "`denied`" EXPIRED "`expired`" VIA "`via`"
%token <name> QUORUM "`quorum`" ESCALATE "`escalate`" TO "`to`" AFTER "`after`" REGION "`region`" BECAUSE "`because`"
%token <name> GIVEN "`given`" EXPECT "`expect`" WITH "`with`" TIMES "`times`" NO "`no`" CRASH "`crash`" FAULT "`fault`"
%token <name> DENY "`deny`" UNLESS "`unless`" UNTIL "`until`" AUTHORIZED "`authorized`" SCHEMA "`schema`" RESOURCES "`resources`"
%token FOR_TIME "`for` and a duration" /* before a duration: `wait until x() for 10m` */
%token <name> NAME "a name"

%token <integer> INT "a number" DURATION "a duration"
%token <number> FLOAT "a decimal number"
%token <str> STRING_WHOLE "a quoted text" STRING_TEXT "text" STRING_LINE "a line"
%token STRING_BEGIN "a string" STRING_TRIPLE "a long string" STRING_END "the closing quote"
%token INTERP_OPEN "`${`" INTERP_CLOSE "`}` of `${`"
%token EQ "`==`" NE "`!=`" LE "`<=`" GE "`>=`" LT "`<`" GT "`>`" ASSIGN "`=`"
%token PLUS "`+`" MINUS "`-`" STAR "`*`" SLASH "`/`" PERCENT "`%`" COALESCE "`??`"
%token DOT "`.`" SAFE_DOT "`?.`" QUESTION "`?`" COMMA "`,`" COLON "`:`"
%token LPAREN "`(`" RPAREN "`)`" LBRACKET "`[`" RBRACKET "`]`" LBRACE "`{`" RBRACE "`}`"
%token END 0 "the end of the file"

/* An error among header fields belongs to the header, not to the (empty) list of statements behind it. */
%precedence HEADER_ENDS
%precedence error

%type <name> word key effect limit_word
%type <path> path pattern
%type <expr> expr or_expr and_expr not_expr compare coalesce sum product unary cast postfix primary string map
%type <expr> opt_default opt_expr_else opt_expr_within opt_for opt_code opt_string_after opt_times
%type <args> args arg_list pieces entries entry_list dotted_entries
%type <type> type opt_result
%type <fields> fields type_fields params param_list
%type <stmts> stmts
%type <stmt> stmt block do_stmt if_stmt approve_head approve_stmt
%type <clauses> header event_clauses guard_clauses test_clauses site_entries
%type <clause> header_field event_clause guard_clause test_clause site_entry given expect
%type <decl> decl action_head playbook_head

%%

program: decls ;

decls
    : %empty
    | decls decl                { parse_add_decl(c, $2); }
    | decls error               { RECOVER(); }
    ;

decl
    : IMPORT string             { if (($$ = parse_decl(c, DECL_IMPORT, @$))) parse_set_string(c, $$, $2); }
    | PARAM word COLON type opt_default
        { if (($$ = parse_named(c, DECL_PARAM, $2, @$))) $$->type = $4, $$->expr = $5; }
    | TYPE word block_open type_fields block_close
        { if (($$ = parse_named(c, DECL_TYPE, $2, @$)))
              $$->type = parse_type_record(c, $4, parse_span(c, @3.start, @5.end)); }
    | EVENT path block_open event_clauses block_close
        { if (($$ = parse_decl(c, DECL_EVENT, @$))) $$->name = $2, $$->clauses = $4.head; }
    | FN path LPAREN params RPAREN opt_result ASSIGN expr
        { if (($$ = parse_decl(c, DECL_FN, @$))) $$->name = $2, $$->params = $4.head, $$->type = $6, $$->expr = $8; }
    | action_head block         { if (($$ = $1)) $$->body = $2, $$->span = @$; }
    | action_head block UNDO block
        { if (($$ = $1)) $$->body = $2, $$->undo = $4, $$->has_undo = true, $$->span = @$; }
    | action_head block UNDO NONE string
        { if (($$ = $1)) $$->body = $2, $$->undo_none = parse_key(c, $5).text, $$->span = @$; }
    | EXTERN action_head        { if (($$ = $2)) $$->is_extern = true, $$->span = @$; }
    | GUARD word block_open guard_clauses block_close
        { if (($$ = parse_named(c, DECL_GUARD, $2, @$))) $$->clauses = $4.head; }
    | playbook_head opt_when stmts block_close
        { if (($$ = $1)) $$->body = $3.head, $$->span = @$; }
    | TEST string FOR word block_open test_clauses block_close
        { if (($$ = parse_named(c, DECL_TEST, $4, @$))) parse_set_string(c, $$, $2), $$->clauses = $6.head; }
    | SITE block_open site_entries block_close
        { if (($$ = parse_decl(c, DECL_SITE, @$))) $$->clauses = $3.head; }
    | SITE word block_open site_entries block_close
        { if (($$ = parse_named(c, DECL_SITE, $2, @$))) $$->clauses = $4.head; }
    ;

action_head
    : ACTION path LPAREN params RPAREN opt_result effect
        { if (($$ = parse_decl(c, DECL_ACTION, @$)))
              $$->name = $2, $$->params = $4.head, $$->type = $6, parse_effect(c, $$, $7, @5); }
    | ACTION path LPAREN params RPAREN opt_result effect ON word
        { if (($$ = parse_decl(c, DECL_ACTION, @$)))
              $$->name = $2, $$->params = $4.head, $$->type = $6, $$->target = $9, parse_effect(c, $$, $7, @5); }
    ;

effect: %empty { $$ = NO_NAME; } | NAME ;
opt_result: %empty { $$ = NULL; } | COLON type { $$ = $2; } ;
opt_default: %empty { $$ = NULL; } | ASSIGN expr { $$ = $2; } ;

params
    : %empty                    { $$ = (parse_fields){0}; }
    | param_list
    | param_list COMMA
    ;
param_list
    : word COLON type opt_default
        { $$ = parse_add_field(c, (parse_fields){0}, parse_declared(c, $1), $3, $4); }
    | param_list COMMA word COLON type opt_default
        { $$ = parse_add_field(c, $1, parse_declared(c, $3), $5, $6); }
    ;

fields
    : %empty                            { $$ = (parse_fields){0}; }
    | fields word COLON type            { $$ = parse_add_field(c, $1, $2, $4, NULL); }
    | fields word COLON type COMMA      { $$ = parse_add_field(c, $1, $2, $4, NULL); }
    ;

type_fields
    : %empty                                { $$ = (parse_fields){0}; }
    | type_fields word COLON type           { $$ = parse_add_field(c, $1, $2, $4, NULL); }
    | type_fields word COLON type COMMA     { $$ = parse_add_field(c, $1, $2, $4, NULL); }
    | type_fields error                     { $$ = $1; RECOVER(); }
    ;

type
    : path                          { $$ = parse_type_name(c, $1, @$); }
    | path LBRACKET type RBRACKET   { $$ = parse_type_of(c, $1, $3, @$); }
    | LBRACE fields RBRACE          { $$ = parse_type_record(c, $2, @$); }
    | type QUESTION                 { if (($$ = $1)) $$->optional = true, $$->span = @$; }
    ;

/* ---- event, guard, site ---- */

event_clauses
    : %empty                        { $$ = (parse_clauses){0}; }
    | event_clauses event_clause    { $$ = parse_add_clause($1, $2); }
    | event_clauses error           { $$ = $1; RECOVER(); }
    ;
event_clause
    : NAME expr                     { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | REGION expr                   { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | SCHEMA type                   { if (($$ = parse_clause(c, $1, NULL, NULL, @$))) $$->type = $2; }
    | RESOURCES LPAREN args RPAREN
        { $$ = parse_clause(c, $1, parse_list(c, EXPR_LIST, $3, parse_span(c, @2.start, @4.end)), NULL, @$); }
    ;

guard_clauses
    : %empty                        { $$ = (parse_clauses){0}; }
    | guard_clauses guard_clause    { $$ = parse_add_clause($1, $2); }
    | guard_clauses error           { $$ = $1; RECOVER(); }
    ;
guard_clause
    : ON pattern                    { $$ = parse_clause(c, $1, parse_pattern(c, $2), NULL, @$); }
    | ON pattern AS word
        { if (($$ = parse_clause(c, $1, parse_pattern(c, $2), NULL, @$))) $$->word = parse_declared(c, $4); }
    | WHERE expr                    { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | DENY expr                     { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | ON string                     { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | ON string AS word
        { if (($$ = parse_clause(c, $1, $2, NULL, @$))) $$->word = parse_declared(c, $4); }
    | UNLESS AUTHORIZED expr
        { if (($$ = parse_clause(c, $1, $3, NULL, @$))) $$->word = $2; }
    ;
pattern
    : word                          { $$ = parse_path_add(c, NO_PATH, $1); }
    | STAR                          { $$ = parse_path_add(c, NO_PATH, (ast_name){PB_STR("*"), @1}); }
    | pattern DOT NAME              { $$ = parse_path_add(c, $1, $3); }
    | pattern DOT STAR              { $$ = parse_path_add(c, $1, (ast_name){PB_STR("*"), @3}); }
    ;

site_entries
    : %empty                        { $$ = (parse_clauses){0}; }
    | site_entries site_entry       { $$ = parse_add_clause($1, $2); }
    | site_entries error            { $$ = $1; RECOVER(); }
    ;
site_entry
    : NAME expr                     { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | NAME expr map                 { $$ = parse_clause(c, $1, $2, $3, @$); }
    | PARAM word ASSIGN expr
        { if (($$ = parse_clause(c, $1, $4, NULL, @$))) $$->word = $2; }
    ;

/* ---- test ---- */

test_clauses
    : %empty                        { $$ = (parse_clauses){0}; }
    | test_clauses test_clause      { $$ = parse_add_clause($1, $2); }
    | test_clauses error            { $$ = $1; RECOVER(); }
    ;
test_clause
    : GIVEN given                   { if (($$ = $2)) $$->name = $1, $$->span = @$; }
    | EXPECT expect                 { if (($$ = $2)) $$->name = $1, $$->span = @$; }
    | AFTER expr                    { $$ = parse_clause(c, $1, $2, NULL, @$); }
    ;
given
    : block                         { if (($$ = parse_clause(c, NO_NAME, NULL, NULL, @$))) $$->body = $1; }
    | EVENT expr                    { $$ = parse_test(c, $1, $2, NULL, @$); }
    | EVENT expr WITH LBRACE dotted_entries RBRACE
        { if (($$ = parse_test(c, $1, $2, NULL, @$))) $$->entries = $5.head; }
    | NAME BY expr                  { $$ = parse_test(c, $1, $3, NULL, @$); }
    | NAME ON                       { $$ = parse_test(c, $1, parse_name(c, $2), NULL, @$); }
    | NAME NAME                     { $$ = parse_test(c, $1, parse_name(c, $2), NULL, @$); }
    | PARAM word ASSIGN expr
        { if (($$ = parse_test(c, $1, $4, NULL, @$))) $$->entries = parse_arg(c, NO_ARGS, $2, $4).head; }
    | FAULT path string opt_times
        { if (($$ = parse_test(c, $1, parse_path_expr(c, $2), $4, @$)))
              $$->entries = parse_arg(c, NO_ARGS, NO_NAME, $3).head; }
    | CRASH NAME NAME NAME          { $$ = parse_test(c, $1, NULL, NULL, @$); }
    ;
expect
    : expr                          { $$ = parse_test(c, NO_NAME, $1, NULL, @$); }
    | DENIED BY path                { $$ = parse_test(c, $1, parse_path_expr(c, $3), NULL, @$); }
    | DO postfix                    { $$ = parse_test(c, $1, $2, NULL, @$); }
    | NO DO postfix                 { $$ = parse_test(c, $1, $3, NULL, @$); }
    | NAME NAME                     { $$ = parse_test(c, $1, parse_name(c, $2), NULL, @$); }
    | NAME DENIED                   { $$ = parse_test(c, $1, parse_name(c, $2), NULL, @$); }
    ;
opt_times: %empty { $$ = NULL; } | TIMES expr { $$ = $2; } ;
dotted_entries
    : %empty                                    { $$ = NO_ARGS; }
    | dotted_entries path COLON expr            { $$ = parse_arg(c, $1, parse_dotted(c, $2), $4); }
    | dotted_entries path COLON expr COMMA      { $$ = parse_arg(c, $1, parse_dotted(c, $2), $4); }
    ;

/* ---- playbook ---- */

playbook_head
    : PLAYBOOK word block_open header       %prec HEADER_ENDS
        { c->in_playbook = true; if (($$ = parse_named(c, DECL_PLAYBOOK, $2, @$))) $$->clauses = $4.head; }
    ;
header
    : %empty                        { $$ = (parse_clauses){0}; }
    | header header_field           { $$ = parse_add_clause($1, $2); }
    | header error                  { $$ = $1; c->header_broken = true; RECOVER(); }
    ;
header_field
    : NAME expr                     { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | NAME APPROVE                  { $$ = parse_clause(c, $1, parse_name(c, $2), NULL, @$); } /* tier approve */
    | TIMEOUT expr                  { $$ = parse_clause(c, $1, $2, NULL, @$); }
    | DEDUPE BY expr opt_expr_within    { $$ = parse_clause(c, $1, $3, $4, @$); }
    | LIMIT expr PER expr           { $$ = parse_clause(c, $1, $2, $4, @$); }
    | LIMIT expr PER expr ELSE limit_word
        { if (($$ = parse_clause(c, $1, $2, $4, @$))) $$->word = $6; }
    ;
limit_word: APPROVE | STOP | FAIL | NAME ;

opt_when
    : %empty                        { parse_no_when(c, $<decl>0); }
    | WHEN path            { if ($<decl>0) $<decl>0->event = $2; }
    | WHEN path AS word
        { if ($<decl>0) $<decl>0->event = $2, $<decl>0->event_as = parse_declared(c, $4); }
    | WHEN error                    { RECOVER(); }
    ;

/* ---- statements ---- */

/* The opening brace of a list that catches errors. */
block_open: LBRACE                  { parse_block_open(c, @1.start); } ;
block_close: RBRACE                 { parse_block_close(c); } ;
block: block_open stmts block_close { $$ = $2.head; } ;

stmts
    : %empty                        { $$ = (parse_stmts){0}; }
    | stmts stmt                    { $$ = parse_add_stmt($1, parse_stmt_done(c, $2)); }
    | stmts error                   { $$ = $1; RECOVER(); }
    ;

stmt
    : LET word ASSIGN expr
        { if (($$ = parse_stmt(c, STMT_LET, $4, @$))) $$->name = parse_declared(c, $2); }
    | LET word COLON type ASSIGN expr
        { if (($$ = parse_stmt(c, STMT_LET, $6, @$))) $$->name = parse_declared(c, $2), $$->type = $4; }
    | WHERE expr                    { $$ = parse_stmt(c, STMT_WHERE, $2, @$); }
    | do_stmt                       { if (($$ = $1)) $$->span = @$; }
    | do_stmt ELSE block
        { if (($$ = $1)) $$->other = $3, $$->has_else = true, $$->span = @$; }
    | if_stmt
    | FOR word IN expr block
        { if (($$ = parse_stmt(c, STMT_FOR, $4, @$))) $$->name = parse_declared(c, $2), $$->body = $5; }
    | PARALLEL block                { if (($$ = parse_stmt(c, STMT_PARALLEL, NULL, @$))) $$->body = $2; }
    | RECORD map                    { $$ = parse_stmt(c, STMT_RECORD, $2, @$); }
    | STOP expr                     { $$ = parse_stmt(c, STMT_STOP, $2, @$); }
    | FAIL expr opt_code            { if (($$ = parse_stmt(c, STMT_FAIL, $2, @$))) $$->expr2 = $3; }
    | RETURN expr                   { $$ = parse_stmt(c, STMT_RETURN, $2, @$); }
    | VERIFY expr opt_expr_within opt_expr_else
        { if (($$ = parse_stmt(c, STMT_VERIFY, $2, @$))) $$->timeout = $3, $$->expr2 = $4; }
    | ON FAILURE block              { if (($$ = parse_stmt(c, STMT_ON_FAILURE, NULL, @$))) $$->body = $3; }
    | ON FAILURE UNDO               { if (($$ = parse_stmt(c, STMT_ON_FAILURE, NULL, @$))) $$->undo = true; }
    | approve_stmt
    | WAIT expr                     { $$ = parse_stmt(c, STMT_WAIT, $2, @$); }
    | WAIT UNTIL path LPAREN args RPAREN opt_for
        {
            ast_expr *call = parse_call(c, parse_path_expr(c, $3), $5, parse_span(c, @3.start, @6.end));
            if (($$ = parse_stmt(c, STMT_WAIT, call, @$))) $$->until = true, $$->timeout = $7;
        }
    | AUTHORIZE string BECAUSE expr
        { if (($$ = parse_stmt(c, STMT_AUTHORIZE, $4, @$))) $$->name = parse_key(c, $2); }
    | IN_ACCOUNT NAME expr block    { if (($$ = parse_stmt(c, STMT_IN_ACCOUNT, $3, @$))) $$->body = $4; }
    | IN_ACCOUNT NAME expr REGION expr block
        { if (($$ = parse_stmt(c, STMT_IN_ACCOUNT, $3, @$))) $$->expr2 = $5, $$->body = $6; }
    | IN_ACCOUNT REGION expr block
        { if (($$ = parse_stmt(c, STMT_IN_ACCOUNT, NULL, @$))) $$->expr2 = $3, $$->body = $4; }
    ;

do_stmt
    : DO postfix                    { $$ = parse_do(c, $2, @$); }
    | do_stmt AS word               { $$ = parse_do_as(c, $1, parse_declared(c, $3), @2); }
    | do_stmt TIMEOUT unary         { if (($$ = $1)) parse_once(c, &$1->timeout, $3, "timeout", @2); }
    | do_stmt RETRY unary           { if (($$ = $1)) parse_once(c, &$1->retry, $3, "retry", @2); }
    ;

if_stmt
    : IF expr block                 { if (($$ = parse_stmt(c, STMT_IF, $2, @$))) $$->body = $3; }
    | IF expr block ELSE block
        { if (($$ = parse_stmt(c, STMT_IF, $2, @$))) $$->body = $3, $$->other = $5, $$->has_else = true; }
    | IF expr block ELSE if_stmt
        { if (($$ = parse_stmt(c, STMT_IF, $2, @$)))
              $$->body = $3, $$->other = parse_stmt_done(c, $5), $$->has_else = true; }
    ;

opt_expr_within: %empty { $$ = NULL; } | WITHIN expr { $$ = $2; } ;
opt_expr_else: %empty { $$ = NULL; } | ELSE expr { $$ = $2; } ;
opt_code: %empty { $$ = NULL; } | CODE expr { $$ = $2; } ;
opt_for: %empty { $$ = NULL; } | FOR_TIME unary { $$ = $2; } ;

approve_head
    : APPROVE expr                              { $$ = parse_stmt(c, STMT_APPROVE, $2, @$); }
    | approve_head VIA word expr                { $$ = parse_approve_clause(c, $1, $2, $3, $4, NULL, @3); }
    | approve_head BY word expr                 { $$ = parse_approve_clause(c, $1, $2, $3, $4, NULL, @3); }
    | approve_head ESCALATE TO word expr opt_string_after
        { $$ = parse_approve_clause(c, $1, $2, $4, $5, $6, @4); }
    | approve_head QUORUM expr                  { if (($$ = $1)) parse_once(c, &$1->retry, $3, "quorum", @2); }
    | approve_head WITHIN expr                  { if (($$ = $1)) parse_once(c, &$1->timeout, $3, "within", @2); }
    ;
opt_string_after: %empty { $$ = NULL; } | AFTER expr { $$ = $2; } ;
approve_stmt
    : approve_head block            { if (($$ = $1)) $$->body = $2, $$->span = @$; }
    | approve_stmt DENIED block     { $$ = parse_branch(c, $1, false, $3, @2); if ($$) $$->span = @$; }
    | approve_stmt EXPIRED block    { $$ = parse_branch(c, $1, true, $3, @2); if ($$) $$->span = @$; }
    ;

/* ---- expressions, loosest first ---- */

expr: or_expr ;
or_expr
    : and_expr
    | or_expr OR and_expr           { $$ = parse_binary(c, OP_OR, $1, $3, @$); }
    ;
and_expr
    : not_expr
    | and_expr AND not_expr         { $$ = parse_binary(c, OP_AND, $1, $3, @$); }
    ;
not_expr
    : compare
    | NOT not_expr                  { $$ = parse_unary(c, EXPR_NOT, $2, @$); }
    ;
compare
    : coalesce
    | compare EQ coalesce           { $$ = parse_compare(c, OP_EQ, $1, $3, @$, @2); }
    | compare NE coalesce           { $$ = parse_compare(c, OP_NE, $1, $3, @$, @2); }
    | compare LT coalesce           { $$ = parse_compare(c, OP_LT, $1, $3, @$, @2); }
    | compare LE coalesce           { $$ = parse_compare(c, OP_LE, $1, $3, @$, @2); }
    | compare GT coalesce           { $$ = parse_compare(c, OP_GT, $1, $3, @$, @2); }
    | compare GE coalesce           { $$ = parse_compare(c, OP_GE, $1, $3, @$, @2); }
    | compare IN coalesce           { $$ = parse_compare(c, OP_IN, $1, $3, @$, @2); }
    | compare LIKE coalesce         { $$ = parse_compare(c, OP_LIKE, $1, $3, @$, @2); }
    | compare MATCHES coalesce      { $$ = parse_compare(c, OP_MATCHES, $1, $3, @$, @2); }
    | compare EXISTS                { $$ = parse_exists(c, $1, @$, @2); }
    | compare ASSIGN coalesce       { parse_assign_for_eq(c, @2); $$ = parse_binary(c, OP_EQ, $1, $3, @$); }
    ;
coalesce
    : sum
    | sum COALESCE coalesce         { $$ = parse_binary(c, OP_COALESCE, $1, $3, @$); }
    ;
sum
    : product
    | sum PLUS product              { $$ = parse_binary(c, OP_ADD, $1, $3, @$); }
    | sum MINUS product             { $$ = parse_binary(c, OP_SUB, $1, $3, @$); }
    ;
product
    : cast
    | product STAR cast             { $$ = parse_binary(c, OP_MUL, $1, $3, @$); }
    | product SLASH cast            { $$ = parse_binary(c, OP_DIV, $1, $3, @$); }
    | product PERCENT cast          { $$ = parse_binary(c, OP_MOD, $1, $3, @$); }
    ;
cast
    : unary
    | cast AS type                  { $$ = parse_cast(c, $1, $3, @$); }
    ;
unary
    : postfix
    | MINUS unary                   { $$ = parse_unary(c, EXPR_NEG, $2, @$); }
    ;
postfix
    : primary
    | postfix DOT NAME              { $$ = parse_field(c, $1, $3, false, @$); }
    | postfix SAFE_DOT NAME         { $$ = parse_field(c, $1, $3, true, @$); }
    | postfix LBRACKET expr RBRACKET    { $$ = parse_index(c, $1, $3, @$); }
    | postfix QUESTION LBRACKET expr RBRACKET   { $$ = parse_index(c, $1, $4, @$); } /* as `?.` is to `.` */
    | postfix LPAREN args RPAREN    { $$ = parse_call(c, $1, $3, @$); }
    ;
primary
    : NONE                          { $$ = parse_expr(c, EXPR_NONE, @$); }
    | TRUE                          { $$ = parse_bool(c, true, @$); }
    | FALSE                         { $$ = parse_bool(c, false, @$); }
    | INT                           { $$ = parse_integer(c, EXPR_INT, $1, @$); }
    | DURATION                      { $$ = parse_integer(c, EXPR_DURATION, $1, @$); }
    | FLOAT                         { $$ = parse_float(c, $1, @$); }
    | string
    | word                          { $$ = parse_name(c, $1); }
    | LPAREN expr RPAREN            { if (($$ = $2)) $$->paren = true; }
    | LBRACKET args RBRACKET        { $$ = parse_list(c, EXPR_LIST, $2, @$); }
    | LBRACKET expr FOR word IN expr RBRACKET
        { $$ = parse_comp(c, EXPR_COMP, parse_declared(c, $4), $6, $2, NULL, @$); }
    | LBRACKET expr FOR word IN expr IF expr RBRACKET
        { $$ = parse_comp(c, EXPR_COMP, parse_declared(c, $4), $6, $2, $8, @$); }
    | ANY LPAREN word IN expr COLON expr RPAREN
        { $$ = parse_comp(c, EXPR_ANY, parse_declared(c, $3), $5, $7, NULL, @$); }
    | ALL LPAREN word IN expr COLON expr RPAREN
        { $$ = parse_comp(c, EXPR_ALL, parse_declared(c, $3), $5, $7, NULL, @$); }
    | map
    ;

map: LBRACE entries RBRACE          { $$ = parse_list(c, EXPR_MAP, $2, @$); } ;
entries: %empty { $$ = NO_ARGS; } | entry_list | entry_list COMMA ;
entry_list
    : key COLON expr                    { $$ = parse_arg(c, NO_ARGS, $1, $3); }
    | entry_list key COLON expr         { $$ = parse_arg(c, $1, $2, $4); }
    | entry_list COMMA key COLON expr   { $$ = parse_arg(c, $1, $3, $5); }
    ;
key: word | string { $$ = parse_key(c, $1); } ;

args: %empty { $$ = NO_ARGS; } | arg_list | arg_list COMMA ;
arg_list
    : expr                              { $$ = parse_arg(c, NO_ARGS, NO_NAME, $1); }
    | word COLON expr                   { $$ = parse_arg(c, NO_ARGS, $1, $3); }
    | arg_list COMMA expr               { $$ = parse_arg(c, $1, NO_NAME, $3); }
    | arg_list COMMA word COLON expr    { $$ = parse_arg(c, $1, $3, $5); }
    ;

string
    : STRING_BEGIN pieces STRING_END    { $$ = parse_pieces(c, $2, false, @$); }
    | STRING_TRIPLE pieces STRING_END   { $$ = parse_pieces(c, $2, true, @$); }
    | STRING_WHOLE                      { $$ = parse_string(c, $1, @$); }
    ;
pieces
    : %empty                            { $$ = NO_ARGS; }
    | pieces STRING_TEXT                { $$ = parse_piece(c, $1, $2, false, @2); }
    | pieces STRING_LINE                { $$ = parse_piece(c, $1, $2, true, @2); }
    | pieces INTERP_OPEN expr INTERP_CLOSE  { $$ = parse_arg(c, $1, NO_NAME, $3); }
    ;

path
    : word                              { $$ = parse_path_add(c, NO_PATH, $1); }
    | path DOT NAME                     { $$ = parse_path_add(c, $1, $3); }
    ;

word
    : NAME | PARAM | TYPE | EVENT | ACTION | EXTERN | GUARD | TEST | SITE | DEDUPE | LIMIT | TIMEOUT | RETRY | WITHIN
    | BY | PER | CODE | FAILURE | UNDO | DENIED | EXPIRED | VIA | QUORUM | ESCALATE | TO | AFTER | REGION | BECAUSE
    | GIVEN | EXPECT | WITH | TIMES | NO | CRASH | FAULT | DENY | UNLESS | UNTIL | AUTHORIZED | SCHEMA | RESOURCES
    ;

%%

/* What could stand where the error is, in the groups that a message speaks of. */
static void expect_one(parse_expected *e, yysymbol_kind_t kind) {
    switch (kind) {
    case YYSYMBOL_LET: e->statement = true; break;
    case YYSYMBOL_PLAYBOOK: e->declaration = true; break;
    case YYSYMBOL_INT: e->expression = true; break;
    case YYSYMBOL_PLUS: e->operator = true; break;
    case YYSYMBOL_NAME: e->name = true; break;
    case YYSYMBOL_EQ: e->comparison = true; break;
    case YYSYMBOL_ASSIGN: e->assign = true; break;
    case YYSYMBOL_RPAREN: e->closer = ')'; break;
    case YYSYMBOL_RBRACKET: e->closer = ']'; break;
    case YYSYMBOL_RBRACE: e->closer = '}'; break;
    case YYSYMBOL_INTERP_CLOSE: e->closer = '$'; break;
    case YYSYMBOL_QUESTION: e->suffix = true; break;
    default: break;
    }
}

/* Which group already speaks for this token. */
static bool is_spoken_for(const parse_expected *e, yysymbol_kind_t kind) {
    switch (kind) {
    case YYSYMBOL_NONE: case YYSYMBOL_TRUE: case YYSYMBOL_FALSE: case YYSYMBOL_ANY: case YYSYMBOL_ALL:
    case YYSYMBOL_INT:
    case YYSYMBOL_DURATION: case YYSYMBOL_FLOAT: case YYSYMBOL_NOT: case YYSYMBOL_MINUS: case YYSYMBOL_STRING_TRIPLE:
    case YYSYMBOL_STRING_WHOLE: case YYSYMBOL_NAME: case YYSYMBOL_STRING_TEXT: case YYSYMBOL_STRING_LINE:
        return true;
    case YYSYMBOL_STRING_BEGIN: case YYSYMBOL_LBRACE: return e->expression;
    case YYSYMBOL_LPAREN: return e->expression || e->operator;
    case YYSYMBOL_LBRACKET: return e->expression || e->operator || e->suffix;
    case YYSYMBOL_DOT: case YYSYMBOL_SAFE_DOT: case YYSYMBOL_QUESTION: return true; /* any name or type may go on */
    case YYSYMBOL_OR: case YYSYMBOL_AND: case YYSYMBOL_IN: case YYSYMBOL_LIKE: case YYSYMBOL_MATCHES:
    case YYSYMBOL_EXISTS:
    case YYSYMBOL_EQ: case YYSYMBOL_NE: case YYSYMBOL_LT: case YYSYMBOL_LE: case YYSYMBOL_GT: case YYSYMBOL_GE:
    case YYSYMBOL_PLUS: case YYSYMBOL_STAR: case YYSYMBOL_SLASH: case YYSYMBOL_PERCENT: case YYSYMBOL_COALESCE:
    case YYSYMBOL_AS:
        return e->operator;
    case YYSYMBOL_ASSIGN: return e->comparison;
    case YYSYMBOL_LET: case YYSYMBOL_WHERE: case YYSYMBOL_DO: case YYSYMBOL_IF: case YYSYMBOL_FOR:
    case YYSYMBOL_PARALLEL:
    case YYSYMBOL_RECORD: case YYSYMBOL_STOP: case YYSYMBOL_FAIL: case YYSYMBOL_RETURN: case YYSYMBOL_VERIFY:
    case YYSYMBOL_ON: case YYSYMBOL_APPROVE: case YYSYMBOL_WAIT: case YYSYMBOL_AUTHORIZE: case YYSYMBOL_IN_ACCOUNT:
        return e->statement;
    default:
        if (kind >= YYSYMBOL_PARAM && kind <= YYSYMBOL_SITE) return e->declaration || e->name;
        if (kind >= YYSYMBOL_PLAYBOOK && kind <= YYSYMBOL_FN) return e->declaration;
        return kind > YYSYMBOL_SITE && kind <= YYSYMBOL_RESOURCES && e->name;
    }
}

static parse_found found_kind(yysymbol_kind_t kind) {
    if (kind == YYSYMBOL_YYEMPTY || kind == YYSYMBOL_YYEOF) return FOUND_END;
    if (kind >= YYSYMBOL_LET && kind <= YYSYMBOL_IN_ACCOUNT && kind != YYSYMBOL_ELSE) return FOUND_STATEMENT;
    if (kind >= YYSYMBOL_PLAYBOOK && kind <= YYSYMBOL_NAME) return FOUND_WORD;
    switch (kind) {
    case YYSYMBOL_ASSIGN: return FOUND_ASSIGN;
    case YYSYMBOL_EQ: return FOUND_EQ;
    case YYSYMBOL_STRING_BEGIN: case YYSYMBOL_STRING_TRIPLE: case YYSYMBOL_STRING_WHOLE: return FOUND_STRING;
    case YYSYMBOL_STRING_END: return FOUND_STRING_END;
    case YYSYMBOL_RPAREN: case YYSYMBOL_RBRACKET: case YYSYMBOL_RBRACE: case YYSYMBOL_INTERP_CLOSE: return FOUND_CLOSER;
    default: return FOUND_OTHER;
    }
}

static int yyreport_syntax_error(const yypcontext_t *ctx, parse_ctx *c) {
    yysymbol_kind_t kinds[YYNTOKENS];
    parse_expected e = {0};
    int n = yypcontext_expected_tokens(ctx, kinds, YYNTOKENS);
    if (n < 0) return n; /* out of memory */
    for (int i = 0; i < n; i++) expect_one(&e, kinds[i]);
    for (int i = 0; i < n; i++)
        if (!is_spoken_for(&e, kinds[i])) {
            if (e.nothers < PARSE_EXPECT_MAX) e.others[e.nothers] = yysymbol_name(kinds[i]);
            e.nothers++;
        }
    parse_report_syntax(c, *yypcontext_location(ctx), found_kind(yypcontext_token(ctx)), &e);
    return 0;
}

/* Everything that is not a syntax error: bison's stack is full, or malloc has failed. */
void pbyerror(const pb_span *place, parse_ctx *c, const char *message) {
    (void)message;
    parse_report_deep(c, *place);
}
