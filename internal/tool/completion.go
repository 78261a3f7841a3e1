package tool

func runCompletion(e *env, args []string) int { return 1 }
