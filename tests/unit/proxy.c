/* proxy.c - which URL goes through which proxy. */
#include "vm/proxy.h"

#include "tests/lib/check.h"

#include <stdlib.h>

/* The proxy's host, "" for none, the variable's name when it is no proxy. */
static const char *choice(const char *url, const char *https, const char *no) {
    static proxy_choice p;
    const char *variable;
    setenv("HTTPS_PROXY", https, 1);
    setenv("NO_PROXY", no, 1);
    if (!proxy_choose(url, &p, &variable)) return variable;
    return p.used ? p.host : "";
}

int main(void) {
    static const char *const names[] = {"http_proxy", "https_proxy", "no_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
    CASE("a proxy is taken by scheme, small letters first, with its password out of the name") {
        CHECK_STR(choice("https://a.example/x", "p.example:3128", ""), "p.example:3128");
        CHECK_STR(choice("https://a.example", "http://u:p%40@[::1]:8080/", ""), "[::1]:8080");
        CHECK_STR(choice("http://a.example/", "p.example", ""), "");
        setenv("https_proxy", "http://small:1", 1);
        CHECK_STR(choice("https://a.example/x", "p.example:3128", ""), "small:1");
        unsetenv("https_proxy");
    }
    CASE("what is no proxy is refused by its variable") {
        CHECK_STR(choice("https://a.example/", "socks5://p", ""), "HTTPS_PROXY");
        CHECK_STR(choice("https://a.example/", "http://", ""), "HTTPS_PROXY");
        CHECK_STR(choice("https://a.example/", "http://a b", ""), "HTTPS_PROXY");
    }
    CASE("NO_PROXY: names and those below, ports, addresses, networks, all") {
        CHECK_STR(choice("https://s3.amazonaws.com/", "p", "x.y, amazonaws.com"), "");
        CHECK_STR(choice("https://s3.AmazonAWS.com/", "p", ".amazonaws.com"), "");
        CHECK_STR(choice("https://s3.amazonaws.com/", "p", "*.amazonaws.com"), "");
        CHECK_STR(choice("https://s3.amazonaws.com/", "p", "zonaws.com"), "p");
        CHECK_STR(choice("https://s3.amazonaws.com/", "p", "a.s3.amazonaws.com"), "p");
        CHECK_STR(choice("https://a.example:8443/", "p", "a.example:443"), "p");
        CHECK_STR(choice("https://a.example/", "p", "a.example:443"), "");
        CHECK_STR(choice("https://10.1.2.3/", "p", "10.0.0.0/8"), "");
        CHECK_STR(choice("https://11.1.2.3/", "p", "10.0.0.0/8,10.0.0.0/99,x/8,10.0.0.0/"), "p");
        CHECK_STR(choice("https://10.128.0.1/", "p", "10.128.0.0/9"), "");
        CHECK_STR(choice("https://10.127.0.1/", "p", "10.128.0.0/9"), "p");
        CHECK_STR(choice("https://[2001:db8::5]:1/", "p", "2001:db8::/32"), "");
        CHECK_STR(choice("https://a.example/", "p", "*"), "");
        CHECK_STR(choice("https://a.example/", "p", " , ,"), "p");
    }
    CASE("this machine and metadata are never asked for through a proxy, names that look alike are") {
        CHECK_STR(choice("https://127.0.0.1:4566/", "p", ""), "");
        CHECK_STR(choice("https://localhost/", "p", ""), "");
        CHECK_STR(choice("https://[::1]:1/", "p", ""), "");
        CHECK_STR(choice("https://169.254.169.254/", "p", ""), "");
        CHECK_STR(choice("https://[fd00:ec2::254]/", "p", ""), "");
        CHECK_STR(choice("https://127.0.0.1.example.org/", "p", ""), "p");
        CHECK_STR(choice("https://169.254.example.org/", "p", ""), "p");
        CHECK_STR(choice("https://localhost.example.org/", "p", ""), "p");
    }
    return check_done();
}
