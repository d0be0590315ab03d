namespace Cosmos.System.Network.IPv4;

public class Address
{
    public Address(uint address) => throw null;

    public uint ToUInt32() => throw null;
}
