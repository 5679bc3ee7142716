// Package repotest holds the tests about the repository itself: what depends
// on what, what is documented, and that the documents and the code agree.
package repotest
