using System;
using System.Threading;

namespace VirtioGuest.Net.Protocols;

/// <summary>An echo request that someone waits for.</summary>
internal sealed class EchoRequest
{
    /// <summary>Describes a request that is about to be sent.</summary>
    public EchoRequest(
        IPv4Address destination, IPv4Address nextHop, ushort identifier, ushort sequence, byte[] payload, TimeSpan sent)
    {
        Destination = destination;
        NextHop = nextHop;
        Identifier = identifier;
        Sequence = sequence;
        Payload = payload;
        Sent = sent;
    }

    /// <summary>Whom it asks.</summary>
    public IPv4Address Destination { get; }

    /// <summary>Who passes it on.</summary>
    public IPv4Address NextHop { get; }

    /// <summary>The number that tells our requests from each other, whatever their sequence.</summary>
    public ushort Identifier { get; }

    /// <summary>The number that its sender gave it.</summary>
    public ushort Sequence { get; }

    /// <summary>What it carries, and the reply has to carry.</summary>
    public byte[] Payload { get; }

    /// <summary>When it was sent.</summary>
    public TimeSpan Sent { get; }

    /// <summary>Released when <see cref="Result"/> is there.</summary>
    public SemaphoreSlim Signal { get; } = new(0);

    /// <summary>How it ended; null while it has not.</summary>
    public PingResult? Result { get; private set; }

    /// <summary>Ends the request.</summary>
    public void Finish(PingResult result)
    {
        if (Result is null)
        {
            Result = result;
            Signal.Release();
        }
    }
}
