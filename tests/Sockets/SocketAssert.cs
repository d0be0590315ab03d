using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets.Tests;

/// <summary>What tests say of sockets again and again.</summary>
internal static class SocketAssert
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static void ShouldBe(this SocketError actual, SocketError expected) =>
        Assert.That(actual, Is.EqualTo(expected));

    /// <summary>Sends all of some bytes.</summary>
    public static void SendAll(this GuestSocket socket, params byte[] data)
    {
        socket.Send(data, null, MessageFlags.None, out int count).ShouldBe(SocketError.None);
        Assert.That(count, Is.EqualTo(data.Length));
    }

    /// <summary>What arrives next; empty at the end of a stream.</summary>
    public static byte[] Next(this GuestSocket socket, int most = 100)
    {
        byte[] buffer = new byte[most];
        socket.Receive(buffer, MessageFlags.None, out ReceivedMessage message).ShouldBe(SocketError.None);
        return buffer[..message.Count];
    }

    /// <summary>Why nothing can be received.</summary>
    public static SocketError NextError(this GuestSocket socket) =>
        socket.Receive(new byte[10], MessageFlags.None, out _);

    /// <summary>Waits until something can be done.</summary>
    public static void WaitFor(this GuestSocket socket, PollEvents events) =>
        WaitUntil(() => (socket.Readiness & events) == events, () => $"{events}: it is {socket.Readiness}");

    public static void WaitUntil(Func<bool> condition, Func<string>? what = null) =>
        Assert.That(SpinWait.SpinUntil(condition, Patience), Is.True, () => what?.Invoke() ?? "in time");

    /// <summary>Does something that waits, on a thread of its own.</summary>
    public static Task<T> Begin<T>(Func<T> action)
    {
        var task = Task.Factory.StartNew(
            action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        // Long enough to be waiting, as a rule; where it is not yet, the test is easier and nothing else.
        task.Wait(TimeSpan.FromMilliseconds(50));
        return task;
    }

    public static T End<T>(this Task<T> task)
    {
        Assert.That(task.Wait(Patience), Is.True, "somebody still waits");
        return task.Result;
    }

    /// <summary>A connection between the machines of a cable.</summary>
    public static (GuestSocket Client, GuestSocket Server) Connect(this Cable cable, ushort port = 80)
    {
        GuestSocket listener = cable.There.Listen(port);
        GuestSocket client = cable.Here.OpenStream();
        client.Connect(cable.There.At(port)).ShouldBe(SocketError.None);
        listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
        listener.Close();
        server!.ReceiveTimeout = Patience;
        server.SendTimeout = Patience;
        return (client, server);
    }

    public static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)((i * 7) + (i >> 8)))];

    public static IpEndpoint Any(ushort port) => new(IPv4Address.Any, port);

    public static IpEndpoint Loopback(ushort port) => new(IPv4Address.Loopback, port);
}
