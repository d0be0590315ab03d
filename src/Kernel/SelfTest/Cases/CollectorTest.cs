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

    /// <summary>Creates the test.</summary>
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
        if (!Patience.WaitFor(spinner.Join))
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
