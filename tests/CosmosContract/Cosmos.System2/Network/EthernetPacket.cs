namespace Cosmos.System.Network;

public class EthernetPacket
{
    protected EthernetPacket() => throw null;

    public byte[] RawData => throw null;
}
