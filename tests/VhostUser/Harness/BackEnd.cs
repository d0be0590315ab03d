using System;
using System.Collections.Concurrent;
using System.IO;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.VhostUser.Tests.Harness;

/// <summary>A disk over a file that is served, and watched.</summary>
public sealed class BackEnd : IDisposable
{
    public const int Sectors = 64;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vg-");
    private readonly FileStore _store;
    private readonly VhostUserServer _server;
    private readonly Thread _thread;

    /// <param name="prepare">What is done with the disk before it is served.</param>
    /// <param name="clock">Measures for the watch.</param>
    public BackEnd(Action<BlockDevice>? prepare = null, TimeProvider? clock = null)
    {
        Image = Path.Combine(_folder.FullName, "disk.img");
        byte[] content = new byte[Sectors * 512];
        Random.Shared.NextBytes(content);
        File.WriteAllBytes(Image, content);
        RegionMemory memory = new();
        _store = new FileStore(Image);
        Disk = ServedDevices.Disk(memory, _store);
        prepare?.Invoke(Disk);
        Watch = new ServedWatch("test", Disk, clock);
        _server = new VhostUserServer(Socket, memory, Disk) { Watch = Watch, Log = _lines.Enqueue };
        _thread = new Thread(() => _server.Run(_stop.Token)) { IsBackground = true, Name = "vhost-user" };
        _thread.Start();
    }

    public BlockDevice Disk { get; }

    public ServedWatch Watch { get; }

    public string Image { get; }

    public string Socket => Path.Combine(_folder.FullName, "s");

    /// <summary>What the server has told.</summary>
    public string[] Lines => [.. _lines];

    /// <summary>What is on the disk.</summary>
    public byte[] Content()
    {
        using FileStream file = new(Image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }

    /// <summary>Ends serving; whoever looks at the watch does so afterwards.</summary>
    public void Stop()
    {
        _stop.Cancel();
        Assert.That(_thread.Join(TimeSpan.FromSeconds(20)), Is.True, "the server ends");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        _server.Dispose();
        _store.Dispose();
        _stop.Dispose();
        _folder.Delete(recursive: true);
    }
}
