namespace Cosmos.HAL.Network;

public class MACAddress
{
    public MACAddress(byte[] address) => throw null;
}
