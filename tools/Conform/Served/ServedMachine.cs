using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Threading;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.VhostUser;

namespace VirtioGuest.Conform.Served;

/// <summary>
/// The devices of one machine of QEMU's, served over vhost-user and watched: a disk (<c>blk</c>), a network card
/// (<c>net</c>, whose wire goes from <c>wire</c> to <c>peer</c>) and a source of entropy (<c>rng</c>), all of them
/// sockets in one folder.
/// </summary>
internal sealed class ServedMachine : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Served> _served = [];
    private readonly List<IDisposable> _parts = [];
    private readonly string _target;
    private readonly string _form;

    /// <param name="target">Whom verdicts name.</param>
    /// <param name="folder">
    /// Where the sockets are to be, and the disk, <c>disk.img</c>; its name is the machine's.
    /// </param>
    /// <param name="odd">What the devices do that few devices do; null for nothing.</param>
    /// <exception cref="IOException">There is no disk.</exception>
    /// <exception cref="SocketException">The sockets cannot be made.</exception>
    public ServedMachine(string target, string folder, OddDevice? odd)
    {
        _target = target;
        _form = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        string Place(string name) => Path.Combine(folder, name);

        FileStore store = Keep(new FileStore(Place("disk.img")));
        Serve(Place("blk"), memory => ServedDevices.Disk(memory, store), odd, wire: null);
        DatagramWire wire = Keep(new DatagramWire(
            new UnixDomainSocketEndPoint(Place("wire")), new UnixDomainSocketEndPoint(Place("peer"))));
        Serve(Place("net"), memory => ServedDevices.Card(memory, wire), odd, wire);
        Serve(Place("rng"), ServedDevices.Entropy, odd, wire: null);
    }

    /// <summary>Ends serving and says what the judges found.</summary>
    public IReadOnlyList<Verdict> Conclude(bool onlyLast)
    {
        Stop();
        List<Verdict> verdicts = [];
        foreach (Served each in _served)
        {
            Console.WriteLine($"{each.Name}: {each.Watch.Drivers} drivers used it");
            foreach (string line in each.Lines.Where(line => line.Contains("let go", StringComparison.Ordinal)))
            {
                Console.WriteLine($"{each.Name}: {line}");
            }

            verdicts.AddRange(each.Watch.Conclude(onlyLast));
        }

        return verdicts;
    }

    public void Dispose()
    {
        Stop();
        foreach (Served each in _served)
        {
            each.Server.Dispose();
        }

        _parts.ForEach(each => each.Dispose());
        _stop.Dispose();
    }

    private T Keep<T>(T part)
        where T : IDisposable
    {
        _parts.Add(part);
        return part;
    }

    private void Serve(
        string socket, Func<RegionMemory, VirtioDeviceModel> create, OddDevice? odd, DatagramWire? wire)
    {
        RegionMemory memory = new();
        VirtioDeviceModel model = create(memory);
        odd?.Prepare(model);
        string name = $"{_target}/virtio-{Path.GetFileName(socket)} {_form}";
        ServedWatch watch = new(name, model);
        List<string> lines = [];
        VhostUserServer server = new(socket, memory, model) { Watch = watch, Wire = wire, Log = lines.Add };
        Thread thread = new(() => server.Run(_stop.Token)) { IsBackground = true, Name = name };
        _served.Add(new Served(name, watch, server, thread, lines));
        thread.Start();
    }

    private void Stop()
    {
        _stop.Cancel();
        _served.ForEach(each => each.Thread.Join());
    }

    private sealed record Served(
        string Name, ServedWatch Watch, VhostUserServer Server, Thread Thread, List<string> Lines);
}
