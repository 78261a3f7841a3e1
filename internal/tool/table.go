package tool

// tools is every tool there is, by name.
var tools = []Tool{}
