module greeter
