using System;
using System.Runtime.CompilerServices;
using System.Threading;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Collections keep what is referenced and free the rest, while another thread runs without a call.</summary>
internal sealed class CollectorTest : SelfTestCase
{
    private const int Depth = 12;
    private const int Collections = 5;

    private bool _stop;

    public CollectorTest()
        : base("the garbage collector keeps what is used and frees the rest")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        Volatile.Write(ref _stop, false);
        var spinner = new Thread(Spin) { IsBackground = true };
        spinner.Start();
        Node kept = Grow(Depth);
        WeakReference dropped = Drop();
        for (int round = 0; round < Collections; round++)
        {
            Grow(Depth);
            GC.Collect();
        }

        Volatile.Write(ref _stop, true);
        if (!TestWait.For(spinner.Join))
        {
            return SelfTestResult.Failed("a thread without calls never ended");
        }

        int nodes = Count(kept);
        if (nodes != (2 << Depth) - 1)
        {
            return SelfTestResult.Failed($"a tree of {(2 << Depth) - 1} nodes has {nodes} after collections");
        }

        return SelfTestResult.Expect(!dropped.IsAlive, "an object without references survived");
    }

    private void Spin()
    {
        while (!Volatile.Read(ref _stop))
        {
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Drop() => new(new byte[100]);

    private static Node Grow(int depth) =>
        depth == 0 ? new Node(null, null) : new Node(Grow(depth - 1), Grow(depth - 1));

    private static int Count(Node? node) => node is null ? 0 : 1 + Count(node.Left) + Count(node.Right);

    private sealed class Node(Node? left, Node? right)
    {
        public Node? Left { get; } = left;

        public Node? Right { get; } = right;
    }
}

/// <summary>
/// Collections one after the other keep what is used. What each leaves behind stays in a region of its own, so that the
/// heap comes to the end of its addresses, where the collector has to make room.
/// </summary>
internal sealed class ManyCollectionsTest : SelfTestCase
{
    // More than the heap of a machine with 256 MB has regions, which is one for each megabyte.
    private const int YoungCollections = 280;
    private const int FullCollections = 30;
    private const int Buffers = 16;
    private const int BufferLength = 500;

    public ManyCollectionsTest()
        : base("hundreds of collections keep what is used")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        // Of each round one object stays to the end, and one until a later round replaces it.
        Link? last = null;
        var buffers = new byte[Buffers][];
        for (int round = 0; round < YoungCollections + FullCollections; round++)
        {
            last = new Link(round, last);
            buffers[round % Buffers] = NewBuffer(round);
            GC.Collect(round < YoungCollections ? 0 : GC.MaxGeneration);
            if (!AreKept(buffers, round) || !IsKept(last, round))
            {
                return SelfTestResult.Failed($"something has changed after {round + 1} collections");
            }
        }

        return SelfTestResult.Passed;
    }

    private static bool AreKept(byte[][] buffers, int lastRound)
    {
        for (int round = Math.Max(0, lastRound - Buffers + 1); round <= lastRound; round++)
        {
            byte[] buffer = buffers[round % Buffers];
            if (buffer.Length != BufferLength || buffer.AsSpan().ContainsAnyExcept((byte)round))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsKept(Link? link, int lastRound)
    {
        for (int round = lastRound; round >= 0; round--)
        {
            if (link is null || link.Round != round)
            {
                return false;
            }

            link = link.Previous;
        }

        return link is null;
    }

    private static byte[] NewBuffer(int round)
    {
        var buffer = new byte[BufferLength];
        Array.Fill(buffer, (byte)round);
        return buffer;
    }

    private sealed class Link(int round, Link? previous)
    {
        public int Round { get; } = round;

        public Link? Previous { get; } = previous;
    }
}
