using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>Every place that orders accesses or hands memory over, and what it is for.</summary>
internal static class KillTable
{
    private static readonly Type[] s_groups =
    {
        typeof(PackedSites), typeof(SplitSites), typeof(ChainSites), typeof(NetSites), typeof(EntropySites),
        typeof(DeviceSites),
    };

    /// <summary>What every place is for.</summary>
    public static IEnumerable<Kill> Kills =>
        [.. PackedKills.All, .. SplitKills.All, .. DriverKills.All, .. DeviceKills.All];

    /// <summary>The names of all places, from the constants that the rings use.</summary>
    public static IReadOnlyDictionary<AccessSite, string> Names { get; } = s_groups
        .SelectMany(group => group.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static))
        .Where(field => field.IsLiteral && field.FieldType == typeof(AccessSite))
        .ToDictionary(field => (AccessSite)field.GetRawConstantValue()!, NameOf);

    /// <summary>The table in Markdown, ordered by number.</summary>
    public static string Render()
    {
        StringBuilder text = new StringBuilder();
        text.Append("| site | place | without | killed on | shown by | ring | story | what happens |\n");
        text.Append("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        foreach (Kill kill in Kills.OrderBy(kill => kill.Site))
        {
            Trial trial = kill.Trial;
            string operation = kill.Part == 0 ? trial.OperationOf(kill.Site) : HandOverTrial.NameOf(kill.Part);
            string shownBy = kill.IsSeenByAuditorOnly ? "the auditor only" : "data";
            text.Append(
                $"| {(int)kill.Site} | `{Names[kill.Site]}` | {operation} | {trial.Machine} | {shownBy} "
                + $"| {trial.Subject} | {trial.Story} | {kill.Reason} |\n");
        }

        return text.ToString();
    }

    private static string NameOf(FieldInfo field) => $"{field.DeclaringType!.Name}.{field.Name}";
}
