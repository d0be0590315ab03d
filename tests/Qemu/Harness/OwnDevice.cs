using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>One of the project's device models, which a guest has over vhost-user.</summary>
/// <typeparam name="TModel">The model.</typeparam>
public sealed class OwnDevice<TModel> : IDisposable
    where TModel : VirtioDeviceModel
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly string _socket;
    private readonly VhostUserServer _server;
    private readonly ServedWatch _watch;
    private readonly Thread _thread;

    /// <summary>Begins to serve it.</summary>
    /// <param name="create">Makes the model over a guest's memory.</param>
    /// <param name="folder">Where the socket is to be; a short path.</param>
    /// <param name="recorder">Who records; the model's memory has to tell it too.</param>
    public OwnDevice(Func<RegionMemory, TModel> create, string folder, MemoryRecorder? recorder = null)
    {
        var memory = new RegionMemory();
        Model = create(memory);
        _socket = Path.Combine(folder, "own");
        _watch = new ServedWatch(folder, Model);
        _server = new VhostUserServer(_socket, memory, Model)
        {
            Log = _lines.Enqueue,
            Watch = _watch,
            Recorder = recorder,
        };
        _thread = new Thread(() => _server.Run(_stop.Token)) { IsBackground = true, Name = "vhost-user" };
        _thread.Start();
    }

    /// <summary>The model.</summary>
    public TModel Model { get; }

    /// <summary>Where it is served.</summary>
    public string Socket => _socket;

    /// <summary>What the server has told.</summary>
    public string[] Lines => [.. _lines];

    /// <summary>A machine that has the device.</summary>
    /// <param name="options">The machine without it.</param>
    /// <param name="device">What QEMU calls its end, with properties.</param>
    public GuestOptions Put(GuestOptions options, string device) => options.WithArguments(
        "-object", $"memory-backend-memfd,id=shared,size={options.MemoryMegabytes}M,share=on",
        "-numa", "node,memdev=shared",
        "-chardev", $"socket,id=own,path={_socket}",
        "-device", $"{device},chardev=own");

    /// <summary>The same for a card, which QEMU has in two halves.</summary>
    /// <param name="options">The machine without it.</param>
    /// <param name="network">Its network side, with properties.</param>
    /// <param name="device">Its guest side, with properties.</param>
    public GuestOptions Put(GuestOptions options, string network, string device) => options.WithArguments(
        "-object", $"memory-backend-memfd,id=shared,size={options.MemoryMegabytes}M,share=on",
        "-numa", "node,memdev=shared",
        "-chardev", $"socket,id=own,path={_socket}",
        "-netdev", $"{network},chardev=own",
        "-device", device);

    /// <summary>Ends serving, and says what the judge found of each driver that came.</summary>
    public IReadOnlyList<Verdict> Conclude()
    {
        Stop();
        return _watch.Conclude(onlyLast: false);
    }

    private void Stop()
    {
        _stop.Cancel();
        Assert.That(_thread.Join(Deadlines.Command), Is.True, "the server ends");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        _server.Dispose();
        _stop.Dispose();
    }
}
