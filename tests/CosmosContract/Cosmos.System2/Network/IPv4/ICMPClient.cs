using System.Collections.Generic;

namespace Cosmos.System.Network.IPv4;

public class ICMPClient
{
    protected Queue<ICMPPacket> rxBuffer;

    public ICMPClient() => throw null;

    public void Connect(Address dest) => throw null;

    public void Close() => throw null;
}
