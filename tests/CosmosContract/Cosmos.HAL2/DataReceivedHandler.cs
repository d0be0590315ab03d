namespace Cosmos.HAL;

public delegate void DataReceivedHandler(byte[] packetData);
