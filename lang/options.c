/*
 * options.c - see options.h.
 */
#include "lang/options.h"

#include <stdio.h>

enum { USAGE = 2, COLUMN = 30 };

static bool lists(const char *commands, const char *name) {
    if (strcmp(commands, "*") == 0) return true;
    size_t n = strlen(name);
    for (const char *p = commands; (p = strstr(p, name)); p += n)
        if ((p == commands || p[-1] == ' ') && (p[n] == 0 || p[n] == ' ')) return true;
    return false;
}

bool cli_takes(const cli_option *o, const char *command) { return lists(o->commands, command); }

static const cli_command *find_command(const cli *c, const char *name) {
    for (const cli_command *k = c->commands; k->name; k++)
        if (strcmp(k->name, name) == 0) return k;
    return NULL;
}

/* ---- help ---- */

static void help_option(FILE *out, const cli_option *o) {
    char left[64];
    int n = snprintf(left, sizeof left, o->letter ? "  -%c, " : "      ", o->letter);
    n += snprintf(left + n, sizeof left - (size_t)n, o->value ? "--%s %s" : "--%s", o->name, o->value);
    fprintf(out, "%-*s%s%s\n", COLUMN, left, n < COLUMN ? "" : " ", o->text);
}

static void help_command(const cli_command *k) {
    char left[64];
    int n = snprintf(left, sizeof left, "  %s %s", k->name, k->operands);
    printf("%-*s%s%s\n", COLUMN, left, n < COLUMN ? "" : "  ", k->text ? k->text : "(not available in this version)");
}

void cli_help(const cli *c, const cli_command *command) {
    if (command) {
        printf("usage: %s %s [OPTION...] %s\n\n%s\n", c->program, command->name, command->operands,
               command->text ? command->text : "Not available in this version.");
    } else {
        printf("usage: %s COMMAND [OPTION...] [OPERAND...]\n\n%s\n\ncommands:\n", c->program, c->about);
        for (const cli_command *k = c->commands; k->name; k++) help_command(k);
    }
    printf("\noptions:\n");
    for (const cli_option *o = c->options; o->name; o++)
        if (command ? lists(o->commands, command->name) : strcmp(o->commands, "*") == 0) help_option(stdout, o);
    if (!command) printf("\n`%s COMMAND --help` has the options of a command, `%s manual` all of them\n", c->program, c->program);
    printf("\nexit status:");
    for (int i = 0; i < CLI_STATUSES; i++)
        if (c->statuses[i]) printf("%s %d %s", i ? "," : "", i, c->statuses[i]);
    putchar('\n');
}

/* ---- parsing ---- */

static int wrong(const cli *c, const cli_command *k, const char *what, const char *arg, const char *near) {
    fprintf(stderr, "%s: %s `%s`", c->program, what, arg);
    if (near) fprintf(stderr, "; did you mean `%s`?", near);
    fprintf(stderr, "\ntry `%s%s%s --help`\n", c->program, k ? " " : "", k ? k->name : "");
    return USAGE;
}

/* An option of other commands: which ones is what helps. */
static int wrong_command(const cli *c, const cli_command *k, const cli_option *o) {
    fprintf(stderr, "%s: %s takes no --%s; it belongs to: %s\ntry `%s %s --help`\n", c->program, k->name, o->name,
            o->commands, c->program, k->name);
    return USAGE;
}

/* A value that an option cannot have, with what the option is. */
static int wrong_value(const cli *c, const cli_option *o, const char *what, const char *value) {
    fprintf(stderr, "%s: %s `%s`\n", c->program, what, value);
    help_option(stderr, o);
    return USAGE;
}

static const char *near_option(const cli *c, const cli_command *k, const char *name) {
    for (const cli_option *o = c->options; o->name; o++)
        if ((!k || lists(o->commands, k->name)) && pb_edit_distance(pb_str_c(o->name), pb_str_c(name), 3) < 3)
            return o->name;
    return NULL;
}

static const char *near_command(const cli *c, const char *name) {
    for (const cli_command *k = c->commands; k->name; k++)
        if (pb_edit_distance(pb_str_c(k->name), pb_str_c(name), 3) < 3) return k->name;
    return NULL;
}

/* The option that arg names; *value is set when it came with it (--name=VALUE, -xVALUE). */
static const cli_option *find_option(const cli *c, const cli_command *k, const char *arg, const char **value) {
    *value = NULL;
    for (const cli_option *o = c->options; o->name; o++) {
        if (k && !lists(o->commands, k->name)) continue;
        size_t n = strlen(o->name);
        if (arg[1] != '-') {
            if (o->letter != arg[1] || (!o->value && arg[2])) continue;
            if (arg[2]) *value = arg + 2;
            return o;
        }
        if (strncmp(arg + 2, o->name, n) != 0 || (arg[2 + n] && arg[2 + n] != '=')) continue;
        if (arg[2 + n]) *value = arg + 3 + n;
        return o;
    }
    return NULL;
}

typedef struct walk {
    const cli *c;
    const cli_command *command;
    char **argv;
    int argc, at, kept;
    bool help;
} walk;

static int take_option(walk *w) {
    const char *arg = w->argv[w->at++], *value;
    const cli_option *o = find_option(w->c, w->command, arg, &value);
    char err[256] = "";
    const cli_option *other = o || !w->command ? NULL : find_option(w->c, NULL, arg, &value);
    if (other) return wrong_command(w->c, w->command, other);
    if (!o) {
        const char *name = arg[1] == '-' ? arg + 2 : arg + 1, *near = near_option(w->c, w->command, name);
        char spelt[64];
        snprintf(spelt, sizeof spelt, "--%s", near ? near : "");
        return wrong(w->c, w->command, "unknown option", arg, near ? spelt : NULL);
    }
    if (!o->value && value) return wrong(w->c, w->command, "this option takes no value:", arg, NULL);
    if (o->value && !value) {
        if (w->at >= w->argc) return wrong(w->c, w->command, "a value is missing behind", arg, NULL);
        value = w->argv[w->at++];
    }
    if (strcmp(o->name, "help") == 0)
        w->help = true;
    else if (!w->c->set(w->c->self, o->name, value, err))
        return wrong_value(w->c, o, err, value ? value : arg);
    return -1;
}

static int take_command(walk *w) {
    const char *name = w->argv[w->at];
    w->command = find_command(w->c, name);
    if (!w->command) return wrong(w->c, NULL, "unknown command", name, near_command(w->c, name));
    w->at++;
    return -1;
}

int cli_parse(const cli *c, int argc, char **argv, const cli_command **command, int *n) {
    walk w = {.c = c, .argv = argv, .argc = argc, .at = 1};
    bool only_operands = false;
    while (w.at < argc) {
        const char *arg = argv[w.at];
        bool option = !only_operands && arg[0] == '-' && arg[1];
        int status = -1;
        if (option && strcmp(arg, "--") == 0)
            only_operands = true, w.at++;
        else if (option)
            status = take_option(&w);
        else if (!w.command)
            status = take_command(&w);
        else
            argv[w.kept++] = argv[w.at++];
        if (status >= 0) return status;
    }
    *command = w.command;
    *n = w.kept;
    if (!w.help) return -1;
    cli_help(c, w.command);
    return 0;
}
