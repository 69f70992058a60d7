"""The 49 cases of RFC 4475: the constructs are those of the RFC, the rest is filled in here."""

# ruff: noqa: E501 - lines as long as the messages need them

from __future__ import annotations

from shaping import SDP, Torture, plain, wire

_ODD = "!interesting-Method0123456789_*+`.%indeed'~"
_LONG = "x" * 250

MESSAGES: tuple[Torture, ...] = (
    # ---- 3.1.1 valid ----------------------------------------------------------------------------------------
    Torture("wsinv", "3.1.1.1", "folding and blanks wherever they may be", 200, wire(
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\n"
        "TO :\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\n"
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\n  ;\n  tag = 98asjd8\n'
        "MaX-fOrWaRdS: 0068\nCall-ID: wsinv.ndaksdj@192.0.2.1\nContent-Length   : 100\ncseq: 0009\n  INVITE\n"
        "Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw\ns :\n"
        "NewFangledHeader:   newfangled value\n continued newfangled value\n"
        "UnknownHeaderWithUnusualValue: ;;,,;;,;\nContent-Type: application/sdp\n"
        "Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n"
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n"
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n"
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n'
        "  secondparam ; q = 0.33", SDP, length=False)),
    Torture("intmeth", "3.1.1.2", "every token character in a method, every legal one elsewhere", 501, wire(
        f"{_ODD} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
        "@example.com SIP/2.0\nVia: SIP/2.0/UDP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n"
        'To: "BEL:\\\x07 NUL:\\\0 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>\n'
        "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
        ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.\n"
        "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n"
        f"CSeq: 139122385 {_ODD}\nMax-Forwards: 255\nextensionHeader-!.%*+_`'~:大停電")),
    Torture("esc01", "3.1.1.3", "an escape is the character it stands for, and separates nothing", 200, wire(plain(
        "INVITE", "esc01", start="INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        To="sip:%75se%72@example.com", From="<sip:I%20have%20spaces@example.net>;tag=938",
        Contact="<sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
        Content_Type="application/sdp"), SDP)),
    Torture("escnull", "3.1.1.4", "an escaped NUL in a user part", 401, wire(plain(
        "REGISTER", "escnull", start="REGISTER sip:example.com SIP/2.0",
        To="sip:null-%00-null@example.com", From="sip:null-%00-null@example.com;tag=839923423",
        Contact="<sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>"))),
    Torture("esc02", "3.1.1.5", "a percent sign that escapes nothing, in a method and in names", 501, wire(plain(
        "RE%47IST%45R", "esc02", To='"%Z%45" <sip:resource@example.com>',
        From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        Contact="<sip:alias1@host1.example.com>\nContact: <sip:alias2@host2.example.com>"))),
    Torture("lwsdisp", "3.1.1.6", "no blank between a display name and its bracket", 200, wire(plain(
        "OPTIONS", "lwsdisp", From="caller<sip:caller@example.com>;tag=323"))),
    Torture("longreq", "3.1.1.7", "long values in every field", 200, wire(plain(
        "INVITE", "longreq",
        To=f'"I have a user name of {_LONG}" <sip:user@example.com:6000;unknownparam1={_LONG};{_LONG}name=v>',
        From=f"sip:amazinglylongcallername{_LONG}@example.net;tag=12982424;{_LONG}param=value",
        Call_ID=f"longreq.one{_LONG * 4}",
        Via="SIP/2.0/TCP sip33.example.com\n"
        + "\n".join(f"v: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n}{_LONG}" for n in range(32, 0, -1)),
        Contact=f"<sip:{_LONG}@host5.example.net>", Content_Type="application/sdp",
        more=f"Unknown-{_LONG}: {_LONG * 5}"), SDP)),
    Torture("dblreq", "3.1.1.8", "a datagram is one message: what follows its body is not", 401, wire(
        plain("REGISTER", "dblreq", start="REGISTER sip:example.com SIP/2.0", Content_Length="0"),
        wire(plain("INVITE", "dblreq-second")), length=False)),
    Torture("semiuri", "3.1.1.9", "a semicolon that belongs to the user part", 200, wire(plain(
        "OPTIONS", "semiuri", start="OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"))),
    Torture("transports", "3.1.1.10", "transports nobody knows, in Vias below the first", 200, wire(plain(
        "OPTIONS", "transports", Via="SIP/2.0/UDP t1.example.com;branch=z9hG4bKa\n"
        "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKb\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bKc\n"
        "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKd\nVia: SIP/2.0/TCP t5.example.com;branch=z9hG4bKe"))),
    Torture("mpart01", "3.1.1.11", "several parts, one of them of any bytes", 405, wire(plain(
        "MESSAGE", "mpart01", Content_Type="multipart/mixed;boundary=7a9cbec02ceef655"),
        b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n"
        b"--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n0\x82\x01\x00\r\n\r\n\xff\r\n"
        b"--7a9cbec02ceef655--\r\n")),
    Torture("unreason", "3.1.1.12", "a reason phrase in another alphabet", 0, wire(
        plain("INVITE", "unreason", start="SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"))),
    Torture("noreason", "3.1.1.13", "an empty reason phrase", 0, wire(
        plain("INVITE", "noreason", start="SIP/2.0 100 "))),
    # ---- 3.1.2 invalid --------------------------------------------------------------------------------------
    Torture("badinv01", "3.1.2.1", "separators that separate nothing", 400, wire(plain(
        "INVITE", "badinv01", Via="SIP/2.0/UDP 192.0.2.15;;,;,,", Contact='"Joe" <sip:joe@example.org>;;;;',
        Content_Type="application/sdp"), SDP)),
    Torture("clerr", "3.1.2.2", "Content-Length above the bytes that came", 400, wire(plain(
        "INVITE", "clerr", Content_Length="9999", Content_Type="application/sdp"), SDP, length=False)),
    Torture("ncl", "3.1.2.3", "Content-Length below zero", 400, wire(plain(
        "INVITE", "ncl", Content_Length="-999", Content_Type="application/sdp"), SDP, length=False)),
    Torture("scalar02", "3.1.2.4", "numbers that do not fit, in a request", 400, wire(plain(
        "REGISTER", "scalar02", CSeq="36893488147419103232 REGISTER", Max_Forwards="300",
        Expires="1" + "0" * 100, Contact="<sip:user@host129.example.com>;expires=280297596632815"))),
    Torture("scalarlg", "3.1.2.5", "numbers that do not fit, in a response", 0, wire(plain(
        "OPTIONS", "scalarlg", start="SIP/2.0 503 Service Unavailable", CSeq="9292394834772304023312 OPTIONS",
        Retry_After="949302838503028349304023988", Warning='1812 overture "In Progress"'))),
    Torture("quotbal", "3.1.2.6", "a quote that is not closed", 400, wire(plain(
        "INVITE", "quotbal", To='"Mr. J. User <sip:j.user@example.com>'))),
    Torture("ltgtruri", "3.1.2.7", "angle brackets around the Request-URI", 400, wire(plain(
        "INVITE", "ltgtruri", start="INVITE <sip:user@example.com> SIP/2.0"))),
    Torture("lwsruri", "3.1.2.8", "a blank inside of the Request-URI", 400, wire(plain(
        "INVITE", "lwsruri", start="INVITE sip:user@example.com; lr SIP/2.0"))),
    Torture("lwsstart", "3.1.2.9", "two blanks between the parts of the request line", 400, wire(plain(
        "INVITE", "lwsstart", start="INVITE  sip:user@example.com  SIP/2.0"))),
    Torture("trws", "3.1.2.10", "blanks at the end of the request line", 400, wire(plain(
        "OPTIONS", "trws", start="OPTIONS sip:remote-target@example.com SIP/2.0  "))),
    Torture("escruri", "3.1.2.11", "headers in the Request-URI", 400, wire(plain(
        "INVITE", "escruri", start="INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"))),
    Torture("baddate", "3.1.2.12", "a Date in another zone than GMT", 400, wire(plain(
        "INVITE", "baddate", Date="Fri, 01 Jan 2010 16:00:00 EST"))),
    Torture("regbadct", "3.1.2.13", "headers in a Contact without brackets", 400, wire(plain(
        "REGISTER", "regbadct", Contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E"))),
    Torture("badaspec", "3.1.2.14", "blanks inside of the brackets: harmless, and dropped", 200, wire(plain(
        "OPTIONS", "badaspec", From='"Bell, Alexander" <sip:a.g.bell@example.com>;tag=433423',
        To='"Watson, Thomas" < sip:t.watson@example.org >'))),
    Torture("baddn", "3.1.2.15", "a comma in a display name without quotes: no list, so harmless", 200, wire(plain(
        "OPTIONS", "baddn", From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"))),
    Torture("badvers", "3.1.2.16", "a version nobody speaks", 505, wire(plain(
        "OPTIONS", "badvers", start="OPTIONS sip:t.watson@example.org SIP/7.0",
        Via="SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"))),
    Torture("mismatch01", "3.1.2.17", "CSeq names another method", 400, wire(plain(
        "OPTIONS", "mismatch01", CSeq="8 INVITE"))),
    Torture("mismatch02", "3.1.2.18", "CSeq names another method than an unknown one", 400, wire(plain(
        "NEWMETHOD", "mismatch02", CSeq="8 INVITE"))),
    Torture("bigcode", "3.1.2.19", "a status that does not fit", 0, wire(plain(
        "OPTIONS", "bigcode", start="SIP/2.0 4294967301 better not break the receiver"))),
    # ---- 3.2 transaction layer ------------------------------------------------------------------------------
    Torture("badbranch", "3.2.1", "a branch of the magic cookie alone identifies nothing", 200, wire(plain(
        "OPTIONS", "badbranch", Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"))),
    # ---- 3.3 application layer ------------------------------------------------------------------------------
    Torture("insuf", "3.3.1", "no Call-ID, From and To: there is nothing to put into an answer", 0, wire(plain(
        "INVITE", "insuf", without="To From Call-ID"))),
    Torture("unkscm", "3.3.2", "a scheme that nobody knows", 416, wire(plain(
        "OPTIONS", "unkscm", start="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"))),
    Torture("novelsc", "3.3.3", "a scheme that is known elsewhere", 416, wire(plain(
        "OPTIONS", "novelsc", start="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"))),
    Torture("unksm2", "3.3.4", "schemes that no address of record has", 400, wire(plain(
        "REGISTER", "unksm2", start="REGISTER sip:example.com SIP/2.0", To="isbn:2983792873",
        From="<http://www.example.com>;tag=3234233", Contact="<name:John_Smith>"))),
    Torture("bext01", "3.3.5", "extensions nobody has, required of us and of proxies", 420, wire(plain(
        "OPTIONS", "bext01", Require="nothingSupportsThis, nothingSupportsThisEither",
        Proxy_Require="noProxiesSupportThis, norDoAnyProxiesSupportThis"))),
    Torture("invut", "3.3.6", "a body of a type nobody reads", 415, wire(plain(
        "INVITE", "invut", Content_Type="application/unknownformat"), "<audio>\n <pcmu port=\"443\"/>\n</audio>\n")),
    Torture("regaut01", "3.3.7", "credentials of a scheme nobody knows", 401, wire(plain(
        "REGISTER", "regaut01", start="REGISTER sip:example.com SIP/2.0",
        Authorization="NoOneKnowsThisScheme opaque-data=here"))),
    Torture("multi01", "3.3.8", "several of what there is one of", 400, wire(plain(
        "INVITE", "multi01", CSeq="5 INVITE\nCSeq: 59 INVITE", Call_ID="multi01.98asdh\nCall-ID: multi01.99as",
        From="<sip:caller@example.com>;tag=3413415\nFrom: sip:user@example.com;tag=2923420123\nMax-Forwards: 5",
        To="<sip:user@example.com>\nTo: sip:otheruser@example.net"))),
    Torture("mcl01", "3.3.9", "two lengths", 400, wire(plain(
        "OPTIONS", "mcl01", Content_Length="13\nContent-Length: 5"), "There's no way", length=False)),
    Torture("bcast", "3.3.10", "a response to somebody else, by way of a broadcast address", 0, wire(plain(
        "INVITE", "bcast", start="SIP/2.0 200 OK", Via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\n"
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23", To="<sip:user@example.com>;tag=2229"))),
    Torture("zeromf", "3.3.11", "no hop left: who is asked himself answers all the same", 200, wire(plain(
        "OPTIONS", "zeromf", Max_Forwards="0"))),
    Torture("cparam01", "3.3.12", "without brackets a parameter is the header's", 401, wire(plain(
        "REGISTER", "cparam01", Contact="sip:+19725552222@gw1.example.net;unknownparam"))),
    Torture("cparam02", "3.3.13", "within brackets a parameter is the address's", 401, wire(plain(
        "REGISTER", "cparam02", Contact="<sip:+19725552222@gw1.example.net;unknownparam>"))),
    Torture("regescrt", "3.3.14", "headers in a Contact with brackets are the address's", 401, wire(plain(
        "REGISTER", "regescrt", Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"))),
    Torture("sdp01", "3.3.15", "an answer in SDP would not be accepted", 406, wire(plain(
        "INVITE", "sdp01", Accept="text/nobodyKnowsThis", Content_Type="application/sdp"), SDP)),
    # ---- 3.4 backward compatibility -------------------------------------------------------------------------
    Torture("inv2543", "3.4.1", "as RFC 2543 had it: no tag, no branch, no Max-Forwards", 200, wire(plain(
        "INVITE", "inv2543", without="Max-Forwards Contact", Via="SIP/2.0/UDP iftgw.example.com",
        From="<sip:+13035551111@ift.client.example.net;user=phone>",
        To="sip:+16505552222@ss1.example.net;user=phone", Content_Type="application/sdp",
        more="Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>"), SDP)),
)  # fmt: skip
