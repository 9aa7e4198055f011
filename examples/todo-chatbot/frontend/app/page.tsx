import { TodoApp } from "@/components/TodoApp";

export default function Home() {
  return (
    <main>
      <h1>Todo chatbot</h1>
      <TodoApp />
    </main>
  );
}
