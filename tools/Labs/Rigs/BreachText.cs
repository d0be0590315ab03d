using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>A verdict of the judge in a student's words.</summary>
internal static class BreachText
{
    /// <summary>Requirements that students break often. The others' own words will do.</summary>
    private static readonly Dictionary<string, (string Seen, string Expected, string Read)> s_words = new()
    {
        ["drv.general.1"] = (
            "a status bit was set before those of earlier steps",
            "ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK, in this order, each in a write of its own",
            "labs/02-negotiate/README.md, 'The staircase'"),
        ["drv.general.2"] = (
            "the new status bit was written alone, which clears those that were set before",
            "the old bits are written again with the new one: status | FEATURES_OK",
            "labs/02-negotiate/README.md, 'The staircase'"),
        ["drv.general.5"] = (
            "a feature was accepted that the device does not offer",
            "accepted = offered & understood",
            "labs/02-negotiate/README.md, 'Features'"),
        ["drv.general.7"] = (
            "features were accepted before it was read what the device offers",
            "device_feature is read first, both words of it",
            "labs/02-negotiate/README.md, 'Features'"),
        ["drv.general.21"] = (
            "the steps of the initialization are not in order",
            "reset; ACKNOWLEDGE; DRIVER; features; FEATURES_OK; read it back; queues; DRIVER_OK",
            "labs/02-negotiate/README.md, 'The staircase'"),
        ["drv.general.24"] = (
            "features were accepted after FEATURES_OK. Was the device reset first?",
            "reset; ACKNOWLEDGE; DRIVER; features; FEATURES_OK, and none after it",
            "labs/02-negotiate/README.md, 'The staircase'"),
        ["drv.rng.1"] = (
            "a buffer for an entropy device has bytes for the device to read: the WRITE flag is missing",
            "flags of the descriptor are WRITE (2): the device writes there",
            "labs/03-split/README.md, 'A descriptor'"),
        ["drv.general.26"] = (
            "the driver went on although FEATURES_OK read back as 0: the device does not work with these features",
            "status is read after FEATURES_OK was written; where the bit is gone, FAILED is set and that is the end",
            "labs/02-negotiate/README.md, 'What FEATURES_OK is for'"),
        ["drv.general.27"] = (
            "the device was notified before DRIVER_OK",
            "DRIVER_OK comes first; before it the device looks at no queue",
            "labs/03-split/README.md, step 3"),
        ["drv.general.28"] = (
            "a descriptor changed while the device had its buffer",
            "the descriptors of a buffer stay as they are until it is used",
            "labs/05-chains/README.md, 'Who owns what'"),
        ["drv.general.36"] = (
            "VERSION_1 was not accepted, so the driver asks for the legacy interface of the years before 2016",
            "feature bit 32 is accepted wherever it is offered; it is bit 0 of word 1",
            "labs/02-negotiate/README.md, 'Features'"),
        ["drv.pci.5"] = (
            "a register was accessed with another width than it has",
            "each field is read and written with its own width; 64 bits are two times 32",
            "labs/01-find/README.md, 'Registers'"),
        ["drv.pci.44"] = (
            "a field of the common configuration was accessed at a wrong offset or with a wrong width",
            "each field at its offset and with its width, as in the table of 4.1.4.3",
            "labs/02-negotiate/README.md, 'The registers'"),
        ["drv.pci.45"] = (
            "the notification went to a place that is not the queue's",
            "offset in the notification structure = queue_notify_off * notify_off_multiplier",
            "labs/03-split/README.md, step 5"),
        ["drv.pci.39"] = (
            "what was written as a notification is not the queue's index",
            "the 16-bit index of the queue is written: 0 for queue 0",
            "labs/03-split/README.md, step 5"),
        ["drv.pci.37"] = (
            "a notification was not written with 16 bits",
            "a write of 16 bits",
            "labs/03-split/README.md, step 5"),
        ["drv.pci.18"] = (
            "a queue was changed after it had been enabled, or enabled before it was set up",
            "queue_size and the three addresses first, queue_enable last",
            "labs/03-split/README.md, step 2"),
        ["drv.pci.19"] = (
            "the driver wrote to the device before the reset was over",
            "after 0 was written to status, it is read until it is 0",
            "labs/02-negotiate/README.md, 'Reset takes time'"),
        ["drv.pci.35"] = (
            "queue_msix_vector was written and not read back",
            "the register is read: NO_VECTOR (0xffff) there says that the device could not",
            "labs/06-notifications/README.md"),
        ["drv.pci.48"] = (
            "the device became live before it may reach memory",
            "bit 2 (bus master) of PCI's command register is set before DRIVER_OK",
            "labs/01-find/README.md, step 4"),
        ["drv.split.1"] = (
            "a part of the queue is not aligned",
            "descriptors at a multiple of 16, available ring 2, used ring 4",
            "labs/03-split/README.md, step 1"),
        ["drv.split.2"] = (
            "in a chain, a part for the device to read comes after one for it to write",
            "all that the device reads comes first: header, (data), then what it writes: (data), status",
            "labs/04-first-sector/README.md, 'A request'"),
        ["drv.split.4"] = (
            "a chain of descriptors has no end: it comes back to itself",
            "the last descriptor of a chain has no NEXT flag",
            "labs/03-split/README.md, 'A descriptor'"),
        ["drv.split.8"] = (
            "a chain has more descriptors than the queue",
            "the last descriptor of a chain has no NEXT flag",
            "labs/03-split/README.md, 'A descriptor'"),
        ["drv.split.11"] = (
            "idx of the available ring jumped by more than the queue's size",
            "idx counts buffers, one for each that is made available, and wraps at 65536, not at the queue's size",
            "labs/03-split/README.md, 'idx only grows'"),
        ["drv.split.22"] = (
            "buffers were made available and the device was not notified",
            "after idx was written, the queue's index is written to the notification structure",
            "labs/03-split/README.md, step 5"),
        ["drv.split.24"] = (
            "the device asked in avail_event to be notified of this buffer, and was not",
            "notify if (ushort)(new - avail_event - 1) < (ushort)(new - old)",
            "labs/06-notifications/README.md, 'The event test'"),
        ["drv.split.28"] = (
            "the available ring or a next field names a descriptor that does not exist",
            "numbers below the queue's size; in the ring it is idx that is taken modulo the size, not the head",
            "labs/03-split/README.md, 'The available ring'"),
        ["drv.split.29"] = (
            "a descriptor names memory that the device does not have, or no byte at all",
            "addr is DmaBlock.DeviceAddress plus an offset, and len is at least 1. "
                + "Does NEXT lead to a descriptor that was not filled?",
            "labs/03-split/README.md, 'A descriptor'"),
        ["drv.split.30"] = (
            "a descriptor has flags that mean nothing in a split queue",
            "NEXT is 1, WRITE is 2; all others are 0",
            "labs/03-split/README.md, 'A descriptor'"),
        ["drv.split.32"] = (
            "a descriptor was made available again while the device still had it",
            "a descriptor is free only after the used ring has named its head",
            "labs/05-chains/README.md, 'Who owns what'"),
        ["drv.split.33"] = (
            "a part of the queue is not in memory that the device can reach",
            "queue_desc, queue_driver and queue_device get DmaBlock.DeviceAddress, 64 bits as two times 32; each part "
                + "is as long as queue_size says",
            "labs/03-split/README.md, step 2"),
        ["drv.blk.29"] = (
            "a request is not a header of 16 bytes, data, and one writable byte for the status",
            "readable: type, reserved, sector (16 bytes); writable: the data; writable: one status byte",
            "labs/04-first-sector/README.md, 'A request'"),
        ["drv.blk.16"] = (
            "a request is for a part of a sector",
            "data of 512 bytes, or a multiple",
            "labs/04-first-sector/README.md, 'A request'"),
    };

    /// <summary>Puts a breach into words.</summary>
    public static Finding Of(Verdict verdict)
    {
        Requirement requirement = verdict.Requirement;
        string clause = $"virtio 1.4, {requirement.Block.Section} \"{requirement.Block.Title}\" ({requirement.Id})";
        Evidence evidence = verdict.Evidence!;
        string detail = $"{evidence.Place}: {evidence.Text}";
        string[] steps =
        [
            .. evidence.Steps.Where(each => each != "rest")
                .Select(each => each.Replace(" Rest:", ", both sides waiting:", StringComparison.Ordinal)),
        ];
        return s_words.TryGetValue(requirement.Id, out (string Seen, string Expected, string Read) words)
            ? new Finding(clause, $"{words.Seen} ({detail})", words.Expected, words.Read, steps)
            : new Finding(clause, detail, requirement.Text, string.Empty, steps);
    }
}
