using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Network;

/// <summary>What has passed through a network interface; a snapshot.</summary>
public sealed class NetworkTraffic
{
    /// <param name="framesReceived">How many frames arrived, the dropped ones included.</param>
    /// <param name="bytesReceived">How many bytes were in these frames.</param>
    /// <param name="framesSent">How many frames the device took.</param>
    /// <param name="bytesSent">How many bytes were in these frames.</param>
    /// <param name="drops">The reasons for which something was dropped, each with its count.</param>
    public NetworkTraffic(
        ulong framesReceived, ulong bytesReceived, ulong framesSent, ulong bytesSent, Counter[] drops)
    {
        FramesReceived = framesReceived;
        BytesReceived = bytesReceived;
        FramesSent = framesSent;
        BytesSent = bytesSent;
        Drops = drops;
    }

    /// <summary>How many frames arrived, the dropped ones included.</summary>
    public ulong FramesReceived { get; }

    /// <summary>How many bytes were in these frames.</summary>
    public ulong BytesReceived { get; }

    /// <summary>How many frames the device took.</summary>
    public ulong FramesSent { get; }

    /// <summary>How many bytes were in these frames.</summary>
    public ulong BytesSent { get; }

    /// <summary>The reasons for which something was dropped, each with its count.</summary>
    public Counter[] Drops { get; }

    /// <summary>How many received datagrams were put together from fragments.</summary>
    public ulong Reassembled { get; set; }

    /// <summary>How many packets were sent in fragments.</summary>
    public ulong Fragmented { get; set; }

    /// <summary>How often another station claimed the interface's address.</summary>
    public ulong AddressConflicts { get; set; }

    /// <summary>How many frames and packets were dropped for any reason.</summary>
    public ulong Dropped
    {
        get
        {
            ulong total = 0;
            foreach (Counter drop in Drops)
            {
                total += drop.Value;
            }

            return total;
        }
    }
}
