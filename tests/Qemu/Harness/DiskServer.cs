using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A process that serves an image to QEMU: it can be stopped, die, and be replaced.</summary>
public sealed class DiskServer : IDisposable
{
    private const string NbdExport = "disk";

    private readonly DiskImage _disk;
    private readonly string _socket;
    private readonly bool _isVhostUser;
    private Process _process;

    private DiskServer(DiskImage disk, string socket, bool isVhostUser)
    {
        _disk = disk;
        _socket = socket;
        _isVhostUser = isVhostUser;
        _process = Run();
    }

    /// <summary>Serves an image as a vhost-user device.</summary>
    /// <param name="disk">The image.</param>
    /// <param name="folder">Where the socket is to be; a short path.</param>
    public static DiskServer StartVhostUser(DiskImage disk, string folder) =>
        new(disk, Path.Combine(folder, "vhost"), isVhostUser: true);

    /// <summary>Serves an image over NBD.</summary>
    /// <inheritdoc cref="StartVhostUser"/>
    public static DiskServer StartNbd(DiskImage disk, string folder) =>
        new(disk, Path.Combine(folder, "nbd"), isVhostUser: false);

    /// <summary>A machine that has the disk.</summary>
    /// <param name="options">The machine without it.</param>
    /// <param name="connection">More options of the connection, such as <c>reconnect=1</c>.</param>
    /// <param name="properties">More properties of the device.</param>
    public GuestOptions Put(GuestOptions options, string connection = "", string properties = "")
    {
        string more = connection.Length == 0 ? string.Empty : "," + connection;
        string device = properties.Length == 0 ? string.Empty : "," + properties;
        return _isVhostUser
            ? options.WithArguments(
                "-object", $"memory-backend-memfd,id=shared,size={options.MemoryMegabytes}M,share=on",
                "-numa", "node,memdev=shared",
                "-chardev", $"socket,id=disk,path={_socket}{more}",
                "-device", "vhost-user-blk-pci,chardev=disk,disable-legacy=on" + device)
            : options.WithArguments(
                "-blockdev",
                $"driver=nbd,node-name=disk,server.type=unix,server.path={_socket},export={NbdExport}{more}",
                "-device", "virtio-blk-pci,drive=disk,packed=on" + device);
    }

    /// <summary>Lets it do nothing from now on.</summary>
    public void Stop() => Signal("STOP");

    /// <summary>Lets it go on.</summary>
    public void Continue() => Signal("CONT");

    /// <summary>Ends it as it is.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Starts another in its place.</summary>
    public void Restart()
    {
        _process.Dispose();
        _process = Run();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private Process Run()
    {
        File.Delete(_socket);
        string[] export = _isVhostUser
            ? ["--export", $"type=vhost-user-blk,id=e,node-name=disk,writable=on,addr.type=unix,addr.path={_socket}"]
            : [
                "--nbd-server", $"addr.type=unix,addr.path={_socket}",
                "--export", $"type=nbd,id=e,node-name=disk,writable=on,name={NbdExport}",
            ];
        Process process = Tool.Start(
            new ProcessStartInfo("qemu-storage-daemon", [
                "--blockdev", $"driver=file,node-name=file,filename={_disk.Path},locking=off,cache.no-flush=on",
                "--blockdev", "driver=raw,node-name=disk,file=file",
                .. export]),
            "qemu-system-common");
        bool isThere = SpinWait.SpinUntil(() => File.Exists(_socket) || process.HasExited, Deadlines.Command);
        Assert.That(isThere && !process.HasExited, Is.True, "the server of the disk");
        return process;
    }

    private void Signal(string name) => Tool.Run("sh", "dash", "-c", $"kill -{name} {_process.Id}");
}
