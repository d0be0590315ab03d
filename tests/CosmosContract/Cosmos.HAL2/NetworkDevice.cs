using System.Collections.Generic;
using Cosmos.HAL.Network;

namespace Cosmos.HAL;

public abstract class NetworkDevice
{
    public DataReceivedHandler DataReceived;

    protected NetworkDevice() => throw null;

    public static List<NetworkDevice> Devices => throw null;

    public abstract CardType CardType { get; }

    public abstract MACAddress MACAddress { get; }

    public string NameID { get => throw null; set => throw null; }

    public abstract string Name { get; }

    public abstract bool Ready { get; }

    public abstract bool QueueBytes(byte[] buffer, int offset, int length);

    public abstract bool ReceiveBytes(byte[] buffer, int offset, int max);

    public abstract byte[] ReceivePacket();

    public abstract int BytesAvailable();

    public abstract bool Enable();

    public abstract bool IsSendBufferFull();

    public abstract bool IsReceiveBufferFull();
}
