using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>Datagrams or a stream between a guest and a host that the build tool plays.</summary>
internal sealed class NetWorkload : Workload
{
    private const int CountedOperations = 20_000;
    private const int MillisecondsForRate = 1500;
    private const int Kilobyte = 1 << 10;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNameCaseInsensitive = true };

    private readonly string _operation;
    private readonly int _size;
    private readonly int _burst;

    /// <param name="operation">
    /// <c>tx</c>, <c>rx</c>, <c>rr</c>, <c>tcp-tx</c>, <c>tcp-rx</c> or <c>http</c>.
    /// </param>
    /// <param name="size">Bytes of a datagram's payload, of a piece of a stream or of an answer.</param>
    /// <param name="burst">How many datagrams go together; 1 for a stream.</param>
    /// <param name="measure">What is asked about it.</param>
    public NetWorkload(string operation, int size, int burst, Measure measure)
    {
        _operation = operation;
        _size = size;
        _burst = burst;
        Measure = measure;
        string asked = measure == Measure.Rate ? "rate" : "instructions";
        Name = IsStream
            ? $"net.{operation}.{size / Kilobyte}k.{asked}"
            : $"net.{operation}.{size}.burst{burst}.{asked}";
        string together = burst == 1 ? "one at a time" : $"{burst} at a time";
        Title = operation switch
        {
            "tx" => $"datagrams of {size} bytes out, {together}",
            "rx" => $"datagrams of {size} bytes in, in a flood",
            "rr" => $"datagrams of {size} bytes there and back, {together}",
            "tcp-tx" => $"TCP out, {size / Kilobyte} KB at a time",
            "tcp-rx" => $"TCP in, {size / Kilobyte} KB at a time",
            _ => $"HTTP requests on one connection, answered with {size / Kilobyte} KB",
        };
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Title { get; }

    /// <inheritdoc/>
    public override Measure Measure { get; }

    /// <inheritdoc/>
    public override string Method => IsHttp
        ?
        """
        HTTP requests come one after the other from a client of the host, over the same tap device; Linux answers from
        a program in C, VirtioGuest by its stack's own sockets from inside its kernel, both with a text that is ready.
        """
        : IsStream
        ?
        """
        TCP goes over virtio-net-pci, modern only, packed rings, and a tap device with checksum and segmentation offload
        to the host's own TCP. Linux sends and receives by sockets from user space, VirtioGuest by its stack's own from
        inside its kernel.
        """
        :
        """
        Datagrams go over virtio-net-pci, modern only, packed rings, and a stream socket to a host that the build tool
        plays. Linux sends and receives by sendmmsg and recvmmsg from user space, VirtioGuest by its stack's own sockets
        from inside its kernel.
        """;

    /// <inheritdoc/>
    public override bool IsPossible => !IsStream || TapWire.IsPossible();

    /// <inheritdoc/>
    public override IReadOnlyList<string> Devices => [];

    /// <inheritdoc/>
    public override string? ShellCommand =>
        $"net 0 static {Network}.2/24 {Network}.1; net 0 bench {_operation} {_size} "
        + (IsStream ? "" : $"{_burst} ")
        + (Measure == Measure.Rate ? $"{MillisecondsForRate / 1000m}" : $"{CountedOperations}x");

    /// <inheritdoc/>
    public override string LinuxJob => $"{Name}:net:{_operation}:{_size}:{_burst}:"
        + (Measure == Measure.Rate ? $"0:{MillisecondsForRate}:" : $"{CountedOperations}:0:") + Network;

    private bool IsHttp => _operation == "http";

    private bool IsStream => IsHttp || _operation.StartsWith("tcp-", System.StringComparison.Ordinal);

    private string Network => IsStream ? TapWire.Network : SocketWire.Network;

    /// <inheritdoc/>
    public override Wire Connect() => IsStream ? TapWire.Create(IsHttp) : new SocketWire();

    /// <inheritdoc/>
    public override Sample? ReadShell(IReadOnlyList<string> lines)
    {
        string last = lines[^1];
        if (!last.StartsWith('{'))
        {
            return null;
        }

        try
        {
            ShellReport report = JsonSerializer.Deserialize<ShellReport>(last, s_json)!;
            double spent = report.Driver + report.Rest;
            return report.PerSecond > 0 && spent > 0 && report.Interrupts >= 0
                ? new Sample(report.Ring, report.PerSecond, spent, report.Interrupts)
                : throw new BuildFailure($"the guest printed '{last}', which is no result");
        }
        catch (JsonException e)
        {
            throw new BuildFailure($"the guest printed '{last}', which is no result", e);
        }
    }

    /// <summary>The line of <c>net N bench</c>, as far as it is read here; the rest is for whoever looks.</summary>
    private sealed record ShellReport(
        [property: JsonRequired] string Ring,
        [property: JsonRequired] double PerSecond,
        [property: JsonRequired] double Driver,
        [property: JsonRequired] double Rest,
        [property: JsonRequired] double Interrupts);
}
