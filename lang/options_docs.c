/*
 * options_docs.c - the manual page and the shells' completions, out of the same table that parses the command line.
 *
 * Each is written to standard output; `make install` puts them where manuals and shells look. Text is escaped for where it
 * goes: roff takes a line's leading dot and backslashes for its own, shells their quotes.
 */
#include "lang/options.h"

#include <stdio.h>

/* ---- roff ---- */

static void roff(const char *s) {
    bool begins = true;
    for (; *s; s++) {
        if (begins && (*s == '.' || *s == '\'')) fputs("\\&", stdout);
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
        begins = *s == '\n';
    }
}

static void roff_upper(const char *s) {
    for (; *s; s++) putchar(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
}

static void man_option(const cli_option *o) {
    puts(".TP");
    fputs("\\fB", stdout);
    if (o->letter) printf("\\-%c\\fR, \\fB", o->letter);
    fputs("\\-\\-", stdout);
    roff(o->name);
    fputs("\\fR", stdout);
    if (o->value) {
        fputs(" \\fI", stdout);
        roff(o->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff(o->text);
    putchar('\n');
}

static void man_command(const cli *c, const cli_command *k) {
    fputs(".SS \"", stdout);
    printf("%s %s ", c->program, k->name);
    roff(k->operands);
    puts("\"");
    roff(k->text);
    putchar('\n');
    for (const cli_option *o = c->options; o->name; o++)
        if (strcmp(o->commands, "*") != 0 && cli_takes(o, k->name)) man_option(o);
}

void cli_man(const cli *c) {
    fputs(".TH ", stdout);
    roff_upper(c->program);
    printf(" 1 \"\" \"%s %s\"\n.SH NAME\n%s \\- ", c->program, PB_VERSION, c->program);
    roff(c->about);
    printf("\n.SH SYNOPSIS\n.B %s\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n.SH COMMANDS\n", c->program);
    for (const cli_command *k = c->commands; k->name; k++)
        if (k->text) man_command(c, k);
    puts(".SH \"OPTIONS OF ALL COMMANDS\"");
    for (const cli_option *o = c->options; o->name; o++)
        if (strcmp(o->commands, "*") == 0) man_option(o);
    if (c->variables) puts(".SH ENVIRONMENT");
    for (const cli_variable *v = c->variables; v && v->name; v++) {
        printf(".TP\n\\fB%s\\fR\n", v->name);
        roff(v->text);
        putchar('\n');
    }
    puts(".SH \"EXIT STATUS\"");
    for (int i = 0; i < CLI_STATUSES; i++) {
        if (!c->statuses[i]) continue;
        printf(".TP\n\\fB%d\\fR\n", i);
        roff(c->statuses[i]);
        putchar('\n');
    }
}

/* ---- shells ---- */

static void words(const cli *c, const cli_command *k) {
    for (const cli_option *o = c->options; o->name; o++)
        if (cli_takes(o, k->name)) printf(" --%s", o->name);
}

static void command_names(const cli *c) {
    for (const cli_command *k = c->commands; k->name; k++)
        if (k->text) printf(" %s", k->name);
}

static void bash(const cli *c) {
    printf("# bash completion of %s\n_%s() {\n  local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words=\n", c->program, c->program);
    printf("  if [ \"$COMP_CWORD\" = 1 ]; then\n    words=\"");
    command_names(c);
    printf(" --help --version\"\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    return\n  fi\n  case $cmd in\n");
    for (const cli_command *k = c->commands; k->name; k++) {
        if (!k->text) continue;
        printf("  %s) words=\"", k->name);
        words(c, k);
        puts("\" ;;");
    }
    printf("  esac\n  case $cur in\n  -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
           "  *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n  esac\n}\ncomplete -o filenames -F _%s %s\n",
           c->program, c->program);
}

/* In single quotes, with what zsh's _arguments takes for its own made plain. */
static void zsh_text(const char *s) {
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\''", stdout);
        else if (*s == '[' || *s == ']' || *s == ':' || *s == '\\')
            printf("\\%c", *s);
        else
            putchar(*s);
    }
}

static void zsh(const cli *c) {
    printf("#compdef %s\n_%s() {\n  local -a commands\n  commands=(\n", c->program, c->program);
    for (const cli_command *k = c->commands; k->name; k++) {
        if (!k->text) continue;
        printf("    '%s:", k->name);
        zsh_text(k->text);
        puts("'");
    }
    printf("  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n  case $words[2] in\n");
    for (const cli_command *k = c->commands; k->name; k++) {
        if (!k->text) continue;
        printf("  %s) _arguments", k->name);
        for (const cli_option *o = c->options; o->name; o++) {
            if (!cli_takes(o, k->name)) continue;
            printf(" '--%s[", o->name);
            zsh_text(o->text);
            fputs("]", stdout);
            if (o->value) {
                fputs(":", stdout);
                zsh_text(o->value);
                fputs(":_files", stdout);
            }
            fputs("'", stdout);
        }
        puts(" '*:file:_files' ;;");
    }
    printf("  esac\n}\n_%s \"$@\"\n", c->program);
}

static void fish_text(const char *s) {
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\') putchar('\\');
        putchar(*s);
    }
}

static void fish(const cli *c) {
    for (const cli_command *k = c->commands; k->name; k++) {
        if (!k->text) continue;
        printf("complete -c %s -n __fish_use_subcommand -f -a %s -d '", c->program, k->name);
        fish_text(k->text);
        puts("'");
        for (const cli_option *o = c->options; o->name; o++) {
            if (!cli_takes(o, k->name)) continue;
            printf("complete -c %s -n '__fish_seen_subcommand_from %s' -l %s", c->program, k->name, o->name);
            if (o->letter) printf(" -s %c", o->letter);
            printf("%s -d '", o->value ? " -r" : "");
            fish_text(o->text);
            puts("'");
        }
    }
}

bool cli_complete(const cli *c, const char *shell) {
    static const struct {
        const char *name;
        void (*write)(const cli *c);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shell, shells[i].name) != 0) continue;
        shells[i].write(c);
        return true;
    }
    return false;
}
