require("http").createServer((request, response) => response.end("<html>no votes yet</html>")).listen(4000);
