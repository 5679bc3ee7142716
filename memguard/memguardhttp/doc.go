// Package memguardhttp shows a guard to people and tools:
//
//	mux.Handle("/debug/memguard/", memguardhttp.Handler(guard))
//
// The page has the verdict in words, the breakdown against threshold and limit,
// the last minutes and hours, the findings, the dumps with flame graph and
// difference, how the process before ended, and the settings with their
// origins. It needs no script and loads nothing from elsewhere.
//
// The handler works under any path and behind http.StripPrefix: everything is
// chosen by the query.
//
//	(nothing)                      the page, or what Accept asks for
//	format=html, json, text        the same in this format
//	window=1m, 15m, 6h, 2d, 8d     how far back the page's chart reaches
//	history=1m … 8d                the past; format=json (default) or csv
//	events                         server-sent events, a snapshot each second
//	dumps                          the list of dumps as JSON
//	dump=<file>                    download a profile, manifest or goroutine profile
//	flame=<file>                   flame graph and table of a dump;
//	                               base=<file>, zoom=<id>, search=<text>
//	POST action=dump               take a dump now
//	POST action=delete dump=<file> delete one
//
// It shows the program's insides and can make it collect garbage: keep it on a
// port that only operators reach, or set [Authorize]. Requests from a page of
// another origin cannot change anything; with [ReadOnly] none can.
//
// What a request takes is bounded: a few are answered at the same time, more
// wait a little and are then told to come back (503); flame graphs are drawn
// one at a time, and only of profiles that fit into the memory that is left.
package memguardhttp
