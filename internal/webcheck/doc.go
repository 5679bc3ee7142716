// Package webcheck drives memguard's page in a real browser: it is opened, read,
// clicked through, and checked for what keeps people out. It is a module of its
// own, so that nobody who uses memguard carries a browser's driver.
package webcheck
