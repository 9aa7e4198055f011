module market.example/platform
