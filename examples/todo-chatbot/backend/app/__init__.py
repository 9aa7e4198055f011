"""The todo-chatbot's backend: tasks, accounts and an assistant over HTTP."""
